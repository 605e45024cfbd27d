"""A look at all recent audits together: whether those that failed have a kind of device or a shard
in common, and what follows then."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Function, Select, case, func, select
from sqlalchemy.orm import Session

from server.contributors import standing
from server.pools.services import Unit
from server.results import compacted
from server.results.services import Result
from server.trust import aside, cohort, decisions, quarantine
from server.trust.cohort import Cell, DeviceClass, Finding, Tried
from server.trust.models import FAILED, PASSED, VOID, Audit
from server.trust.quarantine import CLASS_QUARANTINED, SHARD_QUARANTINED

log = logging.getLogger(__name__)
EVERY = timedelta(minutes=5)
RECENT = 20_000
"""Audits that are evidence: what failed before them is history, whose work is settled."""
_WHERE = (
    standing.OWNER,
    standing.NETWORK,
    Result.bundle,
    Result.rung,
    Result.device_class,
    Unit.shard_id,
)
"""Of an audited result: whose and from where, with which kind of device and on which shard."""


def is_worth_it(session: Session) -> bool:
    """Whether enough devices have failed that something else might be to blame, and enough have
    passed elsewhere to say so. Reads only."""
    if quarantine.active(session):
        return True
    recent = select(_devices(FAILED), _devices(PASSED)).where(Audit.id > _first(session))
    failed, passed = session.execute(recent).one()
    return min(int(failed), int(passed)) >= cohort.LEAST_PARTIES


def findings(session: Session) -> list[Finding]:
    """What is to blame. Reads only, and may take seconds."""
    return cohort.findings(evidence(session), excused(session))


def act_on(session: Session, found: Sequence[Finding], at: datetime) -> None:
    """Sets aside what is to blame, and excuses who was suspended for it."""
    for each in found:
        quarantine.impose(session, each.cell, by=decisions.COHORT, reason=in_words(each), at=at)
        log.warning("%r is set aside: %s", quarantine.name_of(session, each.cell), in_words(each))
    for contributor in aside.excuse(session, at):
        log.info("contributor %s is restored: not their fault", contributor)


def evidence(session: Session) -> list[Tried]:
    """By contributor, network, kind of device and shard; without what is set aside already."""
    rows = session.execute(
        _of_audits(
            *_WHERE,
            func.count().filter(Audit.state == PASSED),
            func.count().filter(Audit.state == FAILED),
            func.min(Audit.id),
        )
        .where(
            Audit.id > _first(session),
            Audit.state.in_((PASSED, FAILED)),
            ~quarantine.active(session).condition,
        )
        .group_by(*_WHERE)
        .order_by(*_WHERE)
    )
    return [
        Tried(contributor, network, DeviceClass(*kind), shard, passed, failed, began)
        for contributor, network, *kind, shard, passed, failed, began in rows
    ]


def excused(session: Session) -> dict[str, set[Cell]]:
    """By contributor, the kinds of devices and the shards that recent failures were laid to."""
    rows = session.execute(
        _of_audits(*_WHERE, Audit.reason)
        .where(
            Audit.id > _first(session),
            Audit.state == VOID,
            Audit.reason.in_((CLASS_QUARANTINED, SHARD_QUARANTINED)),
        )
        .distinct()
    )
    found: dict[str, set[Cell]] = defaultdict(set)
    for contributor, _, *kind, shard, reason in rows:
        found[contributor].add(DeviceClass(*kind) if reason == CLASS_QUARANTINED else shard)
    return found


def in_words(finding: Finding) -> str:
    return (
        f"{finding.failed} of {finding.parties} independent contributors failed there, "
        f"{finding.deviation:.1f} standard deviations more than elsewhere "
        f"(p = {finding.residual:.1e}; over the cohort {finding.chi_square:.1e})"
    )


def _devices(state: str) -> Function[int]:
    """How many have an audit in this state."""
    return func.count(case((Audit.state == state, Audit.device_id)).distinct())


def _of_audits(*columns: Any) -> Select[Any]:
    """Those of the audits, with their results, units and devices."""
    query = (
        select(*columns)
        .select_from(Audit)
        .join(Result, Result.id == Audit.result_id)
        .join(Unit, Unit.id == Result.unit_id)
    )
    return standing.with_owner(query, Audit.device_id)


def _first(session: Session) -> int:
    newest = session.scalar(select(func.max(Audit.id))) or 0
    # What passed in a compacted shard is in its file, what failed is here: beside each other they
    # are evidence only after the last of the former.
    return max(newest - RECENT, quarantine.evidence_after(session), compacted.last_audit(session))
