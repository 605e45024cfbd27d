"""Leases of those who haven't proven themselves wait while their results wait for an audit. So a
newcomer can't post a heap before anybody has looked at the first of it, and the audits that are
due can't outgrow what auditors do."""

from __future__ import annotations

from datetime import datetime

from dva_agent.protocol import MAX_LEASES, Idle
from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from server.contributors import standing
from server.results import services as results
from server.results.services import Result
from server.trust import policy, quarantine, queue, records
from server.trust.cohort import DeviceClass
from server.trust.models import OPEN_ONLY, POSITION_BYTES, Audit, Record
from server.trust.quarantine import CLASS_QUARANTINED
from server.work.gate import Asking, Room

RETRY_OWN_S = 5.0
RETRY_BACKLOG_S = 30.0
RETRY_QUARANTINE_S = 600.0


# With each claim of a newcomer: made once.
_UNAUDITED = results.counting_pending(
    exists().where(Audit.result_id == results.RESULT_ID, OPEN_ONLY)
)
_OPEN = (
    select(func.length(Audit.positions).label("bytes"))
    .where(OPEN_ONLY)
    .limit(bindparam("most"))
    .subquery()
)
_DRAWN = select(func.coalesce(func.sum(_OPEN.c.bytes), 0) / POSITION_BYTES)


def gate(session: Session, asking: Asking, at: datetime) -> Room:
    """A work.gate.Gate. What a newcomer holds counts as what it has posted: it may post that
    whenever it likes."""
    device, held, audited = asking
    if is_held_back(session, device):
        return Room(0, Idle(reason=CLASS_QUARANTINED, retry_after_s=RETRY_QUARANTINE_S))
    # Nobody is on probation where contributors check each other.
    if not audited or not records.standing(session.get(Record, device)).is_on_probation:
        return Room(MAX_LEASES)
    if backlog_pairs(session) > policy.BACKLOG_PAIRS:
        return Room(0, Idle(reason="audits_pending", retry_after_s=RETRY_BACKLOG_S))
    if not queue.is_live(session, at):
        return Room(MAX_LEASES)
    most = policy.UNAUDITED_ON_PROBATION
    room = most - held - unaudited(session, device, most)
    if room <= 0:
        return Room(0, Idle(reason="audits_pending", retry_after_s=RETRY_OWN_S))
    return Room(room)


def is_held_back(session: Session, device: str) -> bool:
    """Whether it is of a kind that is set aside: by what it ran last, as long as it is what it was
    then. Which rung it will run next, nobody knows before."""
    classes = quarantine.active(session).classes
    if not classes:
        return False
    last = session.execute(
        select(Result.bundle, Result.rung, Result.device_class)
        .where(Result.device_id == device)
        .order_by(Result.id.desc())
        .limit(1)
    ).first()
    return (
        last is not None
        and DeviceClass(*last) in classes
        and standing.class_of(session, device) == last.device_class
    )


def unaudited(session: Session, device: str, most: int) -> int:
    """How many results of a device wait for their coin or for an audit; counted up to `most`."""
    return session.scalars(_UNAUDITED, {"device": device, "most": most}).one()


def backlog_pairs(session: Session) -> int:
    """Pairs that wait to be recomputed, those too that are to be drawn yet: at the most that may
    become of them. Counting ends where the limit is passed."""
    most = policy.BACKLOG_PAIRS // policy.PROBATION_PAIRS + 1
    undrawn = results.count_undrawn(session, most)
    drawn = session.scalar(_DRAWN, {"most": policy.BACKLOG_PAIRS}) or 0
    return int(drawn) + undrawn * policy.PROBATION_PAIRS
