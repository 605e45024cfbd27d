"""What is known of a device; its row is the lock under which its results are drawn and settled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.db import insert_once
from server.trust.models import Audit, Record
from server.trust.policy import Standing

# With each draw and each decision: made once.
_OF_AUDIT = (
    select(Record)
    .join(Audit, Audit.device_id == Record.device_id)
    .where(Audit.id == bindparam("audit"))
    .with_for_update(of=Record)
    .execution_options(populate_existing=True)
)
_OF_DEVICES = (
    select(Record)
    .where(Record.device_id.in_(bindparam("devices", expanding=True)))
    .order_by(Record.device_id)
    .with_for_update()
    .execution_options(populate_existing=True)
)


def locked(session: Session, device: str) -> Record:
    """Until the transaction ends, nobody else draws, settles or stops this device."""
    return all_locked(session, [device])[device]


def locked_for(session: Session, audit: int) -> Record:
    """The same of the device whose result this audit is about. Raises NoResultFound."""
    return session.scalars(_OF_AUDIT, {"audit": audit}).one()


def all_locked(session: Session, devices: Collection[str]) -> dict[str, Record]:
    """The same of several, in one order: two processes never wait for each other."""
    found = _locked(session, devices)
    missing = sorted(set(devices) - found.keys())
    for device in missing:
        insert_once(session, Record, device_id=device)
    return found | _locked(session, missing) if missing else found


def _locked(session: Session, devices: Collection[str]) -> dict[str, Record]:
    records = session.scalars(_OF_DEVICES, {"devices": devices})
    return {record.device_id: record for record in records}


def is_silent(session: Session, device: str, since: datetime) -> bool:
    """Whether nothing of a device is undecided, and it hasn't posted since then."""
    record = session.get(Record, device)
    if record is None or record.last_result_at is None:
        return True
    return not record.unsettled and record.last_result_at < since


def standing(record: Record | None) -> Standing:
    if record is None:
        return Standing(passed=0, posted=0, failed=0)
    return Standing(passed=record.passed, posted=record.posted, failed=record.failed)


def stop(record: Record, reason: str, at: datetime) -> None:
    """It gets no work any more, until somebody restores it."""
    record.stopped_at = record.stopped_at or at
    record.stopped_for = record.stopped_for or reason


def restore(record: Record) -> None:
    """It begins anew, on probation."""
    record.stopped_at = None
    record.stopped_for = None
    record.posted = record.passed = 0
