"""Whether a shard may be compacted: docs/trust.md says why so, and what that takes from audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from server.pools.services import AUDIT, Unit
from server.results import compacted
from server.results.services import Result
from server.trust import archive, records
from server.trust.archive import Audit
from server.trust.policy import RECHECKED_RESULTS
from server.work import compacted as leases

LATER = 4 * RECHECKED_RESULTS
"""Confirmed results of the same device that have to have come after: a failure looks at the latest
RECHECKED_RESULTS, and goes on while one of those fails, so that this is its first four rounds."""
SILENT = timedelta(days=30)
"""Or the device has been silent for so long, with nothing undecided: who posts nothing doesn't
fail."""
Wait = Literal["undecided", "young", "recheck", "newest", "former", "fault"]
WORDS: Mapping[Wait, str] = {
    "undecided": "results or audits that aren't decided yet",
    "young": "younger results or audits",
    "recheck": "results that a recheck may still come back to",
    "newest": "the newest result or audit: its number mustn't be given again",
    "former": "a former file that a backup may need, for a day after --undo",
    "fault": "what can't be read here",
}


def waits(
    session: Session,
    shard: int,
    found: Sequence[tuple[Unit, Result]],
    audits: Mapping[int, Sequence[Audit]],
    *,
    age: timedelta,
    at: datetime,
) -> Wait | None:
    """Why a finished shard with these confirmed results and their audits stays for now."""
    if (
        not found
        or compacted.is_undecided(session, shard)
        or leases.is_busy(session, shard)
        or not all(archive.is_decided(each) for each in audits.values())
        or not all(result.drawn for _, result in found)
    ):
        return "undecided"
    times = [result.scored_at for _, result in found]
    times += [audit.finished_at for each in audits.values() for audit in each if audit.finished_at]
    if max(times) > at - age:
        return "young"
    # SQLite gives the next row the number after the highest that is there.
    if max(result.id for _, result in found) == compacted.newest(session):
        return "newest"
    newest = archive.newest(session)
    if any(audit.id == newest for each in audits.values() for audit in each):
        return "newest"
    last: dict[str, int] = {}
    for _, result in found:
        if result.policy == AUDIT:
            last[result.device_id] = max(result.id, last.get(result.device_id, 0))
    for device, number in last.items():
        later = compacted.count_confirmed_after(session, device, number, LATER)
        if later < LATER and not records.is_silent(session, device, at - SILENT):
            return "recheck"
    return None
