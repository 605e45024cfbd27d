"""A look at all recent audits together: whether those that failed have a kind of device or a shard
in common, and what follows then."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from sqlalchemy import func, select
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
_WHERE = (Result.device_id, Result.bundle, Result.rung, Result.device_class, Unit.shard_id)
"""Of an audited result: by whom, with which kind of device and on which shard."""


def is_worth_it(session: Session) -> bool:
    """Whether enough devices have failed that something else might be to blame. Reads only."""
    failed = select(func.count(Audit.device_id.distinct())).where(
        Audit.id > _first(session), Audit.state == FAILED
    )
    return session.scalars(failed).one() >= cohort.LEAST_PARTIES or bool(quarantine.active(session))


def look(session: Session, at: datetime) -> list[Finding]:
    """Sets aside what is to blame, and excuses who was suspended for it."""
    found = cohort.findings(evidence(session), excused(session))
    for each in found:
        quarantine.impose(session, each.cell, by=decisions.COHORT, reason=in_words(each), at=at)
        log.warning("%r is set aside: %s", quarantine.name_of(session, each.cell), in_words(each))
    for contributor in aside.excuse(session, at):
        log.info("contributor %s is restored: not their fault", contributor)
    return found


def evidence(session: Session) -> list[Tried]:
    """By contributor, kind of device and shard; without what is set aside already."""
    rows = session.execute(
        select(
            *_WHERE,
            Audit.state,
            func.count().label("audits"),
            func.min(Audit.id).label("began"),
        )
        .join(Result, Result.id == Audit.result_id)
        .join(Unit, Unit.id == Result.unit_id)
        .where(
            Audit.id > _first(session),
            Audit.state.in_((PASSED, FAILED)),
            ~quarantine.active(session).condition,
        )
        .group_by(*_WHERE, Audit.state)
    ).all()
    where = standing.whereabouts(session, {row.device_id for row in rows})
    counts: dict[tuple[str, str | None, DeviceClass, int], Counter[str]] = defaultdict(Counter)
    began: dict[tuple[str, str | None, DeviceClass, int], int] = {}
    for row in rows:
        who = where[row.device_id]
        kind = DeviceClass(row.bundle, row.rung, row.device_class)
        key = (who.contributor, who.network, kind, row.shard_id)
        counts[key][row.state] += row.audits
        began[key] = min(began.get(key, row.began), row.began)
    return [
        Tried(
            contributor=contributor,
            network=network,
            device_class=kind,
            shard=shard,
            passed=count[PASSED],
            failed=count[FAILED],
            began=began[contributor, network, kind, shard],
        )
        for (contributor, network, kind, shard), count in counts.items()
    ]


def excused(session: Session) -> dict[str, set[Cell]]:
    """By contributor, the kinds of devices and the shards that recent failures were laid to."""
    rows = session.execute(
        select(*_WHERE, Audit.reason)
        .join(Result, Result.id == Audit.result_id)
        .join(Unit, Unit.id == Result.unit_id)
        .where(
            Audit.id > _first(session),
            Audit.state == VOID,
            Audit.reason.in_((CLASS_QUARANTINED, SHARD_QUARANTINED)),
        )
        .distinct()
    ).all()
    where = standing.whereabouts(session, {row.device_id for row in rows})
    found: dict[str, set[Cell]] = defaultdict(set)
    for row in rows:
        kind = DeviceClass(row.bundle, row.rung, row.device_class)
        cell = kind if row.reason == CLASS_QUARANTINED else row.shard_id
        found[where[row.device_id].contributor].add(cell)
    return found


def in_words(finding: Finding) -> str:
    return (
        f"{finding.failed} of {finding.parties} independent contributors failed there, "
        f"{finding.deviation:.1f} standard deviations more than elsewhere "
        f"(p = {finding.residual:.1e}; over the cohort {finding.chi_square:.1e})"
    )


def _first(session: Session) -> int:
    newest = session.scalar(select(func.max(Audit.id))) or 0
    # What passed in a compacted shard is in its file, what failed is here: beside each other they
    # are evidence only after the last of the former.
    return max(newest - RECENT, quarantine.evidence_after(session), compacted.last_audit(session))
