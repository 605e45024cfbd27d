"""What is known of a device; its row is the lock under which its results are drawn and settled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from server.db import add_counts
from server.trust.models import Record
from server.trust.policy import Standing


def locked(session: Session, device: str) -> Record:
    """Until the transaction ends, nobody else draws, settles or stops this device."""
    add_counts(session, Record, key={"device_id": device}, counts=_NOTHING)
    return session.get_one(Record, device, with_for_update=True, populate_existing=True)


_NOTHING = {"posted": 0, "passed": 0, "failed": 0, "confirmed": 0, "pairs_since_tail": 0}


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
