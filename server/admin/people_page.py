"""What the pages of a contributor and of a device show, gathered from the other domains in one view
of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy.orm import Session

from server.contributors import listing
from server.contributors.listing import Machine, Person
from server.credit import services as credit
from server.credit.services import Settled
from server.results import services as results
from server.selftests import services as selftests
from server.selftests.services import Told
from server.trust import operator
from server.trust.operator import Decided, ShownAudit, Standing
from server.work import services as work

DEVICES_SHOWN = 100
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "score_differs": "a score differs by more than any device should",
        "score_biased": "scores lie to one side of what was recomputed",
        "score_doubtful": "scores stayed too far away, however many were looked at",
        "status_differs": "a status that no decoder explains",
        "status_disputed": "more pictures were called broken than decoders differ on",
        "value_doubtful": "values stayed too far away, however many were looked at",
        "value_differs": "a value differs from what was recomputed",
        "borderline": "near the edge: more pairs were looked at",
        "class_quarantined": "devices of this kind are set aside; nobody's fault",
        "shard_quarantined": "its shard is set aside; nobody's fault",
        "outvoted": "most of those who were given the same unit made something else of it",
        "operator": "an operator stopped it",
    }
)
"""By the codes of audits and records."""


@dataclass(frozen=True, kw_only=True)
class ContributorPage:
    person: Person
    machines: Sequence[Machine]
    standings: Mapping[str, Standing]
    """By device; of those that were ever looked at."""
    decisions: Sequence[Decided]
    """The newest first."""
    credit: Settled
    pending: int
    """Results that wait."""
    leases: int


@dataclass(frozen=True, kw_only=True)
class DevicePage:
    machine: Machine
    standing: Standing
    audits: Sequence[ShownAudit]
    """The newest first."""
    decisions: Sequence[Decided]
    selftests: Sequence[Told]
    pending: int
    leases: int


def contributor_page(session: Session, contributor: str) -> ContributorPage | None:
    """None: there is no such contributor."""
    person = listing.person(session, contributor)
    if person is None:
        return None
    machines = listing.machines_of(session, contributor, DEVICES_SHOWN)
    devices = [machine.id for machine in machines]
    return ContributorPage(
        person=person,
        machines=machines,
        standings=operator.standings(session, devices),
        decisions=operator.decided(session, contributor)[::-1],
        credit=credit.settled_of(session, contributor),
        pending=results.count_waiting(session, devices),
        leases=work.count_held_by(session, devices),
    )


def device_page(session: Session, device: str) -> DevicePage | None:
    """None: there is no such device."""
    machine = listing.machine(session, device)
    if machine is None:
        return None
    [(standing, audits)] = operator.shown(session, device)
    return DevicePage(
        machine=machine,
        standing=standing,
        audits=audits,
        decisions=operator.decided(session, device)[::-1],
        selftests=selftests.told_by(session, device),
        pending=results.count_waiting(session, [device]),
        leases=work.count_held_by(session, [device]),
    )
