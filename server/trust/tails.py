"""Tails: an audit across everything of a device that nobody will bear witness to any more, so that
nothing waits for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.contributors import standing
from server.results import services as results
from server.trust import drawing, records, settling
from server.trust.models import OPEN_ONLY, UNSETTLED, Audit, Record
from server.trust.settling import Court

SILENCE = timedelta(hours=1)
AT_ONCE = 100


def draw_due(session: Session, court: Court, at: datetime) -> int:
    """Draws a tail for every device that has been silent for SILENCE, or has pending results in a
    pool that is done; gives how many. A device that still has an audit to come waits for that.
    Where another device of its contributor has failed, each result is looked at once more."""
    return sum(draw(session, court, device, at) for device in due(session, at))


def draw(session: Session, court: Court, device: str, at: datetime) -> bool:
    """The same for one device that is due; whether a tail was drawn. Raises BundleError."""
    record = records.locked(session, device)
    settling.confirm_what_can_be(session, court, record, at)
    if not record.unsettled or _has_open(session, device):
        return False
    run = results.run_of(session, device)
    if not all(result.drawn for result, _ in run):
        return False
    if standing.is_suspended(session, contributors.contributor_of(session, device)):
        drawing.once_more(session, court.secret, run, at)
        # Where nothing was left to look at, nothing else is waited for.
        settling.confirm_what_can_be(session, court, record, at)
        if not record.unsettled:
            return False
        run = results.run_of(session, device)
    drawing.draw_tail(session, court.secret, run, at)
    return True


def due(session: Session, at: datetime) -> list[str]:
    """Devices that `draw` has something to look at for. Reads only."""
    unsettled = select(Record.device_id).where(UNSETTLED)
    silent = unsettled.where(Record.last_result_at <= at - SILENCE)
    drained = unsettled.where(Record.device_id.in_(results.drained_devices(session)))
    busy = select(Audit.device_id).where(OPEN_ONLY)
    found = {
        *session.scalars(silent.where(Record.device_id.not_in(busy)).limit(AT_ONCE)),
        *session.scalars(drained.where(Record.device_id.not_in(busy)).limit(AT_ONCE)),
    }
    return sorted(found)


def _has_open(session: Session, device: str) -> bool:
    query = select(Audit.id).where(Audit.device_id == device, OPEN_ONLY).limit(1)
    return session.scalar(query) is not None
