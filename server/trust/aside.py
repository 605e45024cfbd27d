"""What follows for results and people when a kind of device or a shard is set aside: its results
count for nothing, and nobody is held responsible for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.contributors import standing
from server.db import parts
from server.pools.services import Unit
from server.results import services as results
from server.results.services import Result
from server.trust import decisions, quarantine, records, settling
from server.trust.models import FAILED, FAILED_ONLY, VOID, Audit, Record
from server.trust.quarantine import Active
from server.trust.settling import Court

BY_OPERATOR = "operator"
AT_ONCE = 100


def are_due(session: Session) -> bool:
    """Whether `take_out` has something to do. Reads only."""
    active = quarantine.active(session)
    return bool(active) and bool(_devices(session, active, 1))


def take_out(session: Session, court: Court, at: datetime) -> int:
    """Rejects the pending results of what is set aside and gives their units out anew, for up to
    AT_ONCE devices; gives how many results. No credit comes of them, and no blame."""
    active = quarantine.active(session)
    if not active:
        return 0
    taken = 0
    for device, record in records.all_locked(session, _devices(session, active, AT_ONCE)).items():
        by_cause = defaultdict(list)
        for result, unit in results.run_of(session, device):
            cause = active.cause(result, unit)
            if cause is not None:
                by_cause[cause].append((result, unit))
        for cause, found in by_cause.items():
            settling.take_out(session, court, record, found, at, reason=cause)
            taken += len(found)
        settling.confirm_what_can_be(session, court, record, at)
    session.flush()
    return taken


def excuse(session: Session, at: datetime) -> list[str]:
    """Restores the contributors who were suspended for nothing but what is set aside now, and gives
    them. An operator's own decisions stand."""
    active = quarantine.active(session)
    if not active:
        return []
    excused = []
    for failed in parts(_failed(session, active)):
        owners = standing.owners_of(session, failed)
        devices = {who: contributors.devices_of(session, who) for who in sorted(owners)}
        locked = records.all_locked(session, [each for own in devices.values() for each in own])
        excused += [
            who
            for who, own in devices.items()
            if _excuse(session, active, who, {device: locked[device] for device in own}, at)
        ]
    return excused


def _failed(session: Session, active: Active) -> list[str]:
    """Devices that were stopped, and have failed in what is set aside now."""
    return list(
        session.scalars(
            select(Audit.device_id)
            .join(Result, Result.id == Audit.result_id)
            .join(Unit, Unit.id == Result.unit_id)
            .join(Record, Record.device_id == Audit.device_id)
            .where(
                FAILED_ONLY,
                active.condition,
                Record.stopped_at.is_not(None),
                Record.stopped_for != BY_OPERATOR,
            )
            .distinct()
            .order_by(Audit.device_id)
        )
    )


def _excuse(
    session: Session,
    active: Active,
    contributor: str,
    devices: Mapping[str, Record],
    at: datetime,
) -> bool:
    known = {device: record for device, record in devices.items() if record.stopped_at is not None}
    if not known or any(record.stopped_for == BY_OPERATOR for record in known.values()):
        return False
    since = min(record.stopped_at for record in known.values() if record.stopped_at)
    causes: set[str] = set()
    failures = session.execute(
        select(Audit, Result, Unit)
        .join(Result, Result.id == Audit.result_id)
        .join(Unit, Unit.id == Result.unit_id)
        .where(
            Audit.device_id.in_(list(devices)), Audit.state == FAILED, Audit.finished_at >= since
        )
    ).all()
    found = [(audit, active.cause(result, unit)) for audit, result, unit in failures]
    if not found or any(cause is None for _, cause in found):
        return False
    for audit, cause in found:
        assert cause is not None
        # What came out of it stays, for who wants to see it; it is no failure of anybody's.
        audit.state, audit.reason = VOID, cause
        devices[audit.device_id].failed -= 1
        causes.add(cause)
    contributors.restore(session, contributor)
    # Contributors are locked before their devices, here as in a claim.
    session.flush()
    for device, record in known.items():
        records.restore(record)
        standing.excuse(session, device)
    decisions.note(
        session,
        decisions.RESTORED,
        contributor,
        by=decisions.COHORT,
        reason=", ".join(sorted(causes)),
        at=at,
    )
    session.flush()
    return True


def _devices(session: Session, active: Active, limit: int) -> list[str]:
    return list(
        session.scalars(
            select(Result.device_id)
            .join(Unit, Unit.id == Result.unit_id)
            .where(results.PENDING_ONES, active.condition)
            .distinct()
            .order_by(Result.device_id)
            .limit(limit)
        )
    )
