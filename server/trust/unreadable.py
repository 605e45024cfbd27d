"""Shards that an auditor can't read: nobody waits for them for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.pools.services import Unit
from server.refusals import ShardUnavailable
from server.results import services as results
from server.results.services import CONFIRMED
from server.trust import decisions, quarantine
from server.trust.models import OPEN, VOID, Audit

PATIENCE = timedelta(minutes=30)
"""From the draw of an audit on: a disk may be away for a while."""


def is_why(error: Exception, unit: Unit) -> bool:
    """Whether it is the shard's file, not a bundle's, for which an audit couldn't be made."""
    if isinstance(error, OSError):
        return error.filename in (None, unit.shard.path)
    return isinstance(error, ShardUnavailable)


def found(session: Session, audit: int, unit: Unit, error: Exception, at: datetime) -> None:
    """An audit couldn't be made because of its shard. Once it has waited for PATIENCE the shard is
    set aside, and nothing that is pending there is waited for; nor is what was confirmed long
    ago looked at again."""
    waiting = session.get_one(Audit, audit)
    if waiting.state != OPEN or at - waiting.created_at < PATIENCE:
        return
    quarantine.impose(
        session, unit.shard_id, by=decisions.AUDITOR, reason=f"can't be read: {error}", at=at
    )
    if results.get(session, waiting.result_id).state == CONFIRMED:
        waiting.state, waiting.reason = VOID, quarantine.SHARD_QUARANTINED
        waiting.finished_at, waiting.claimed_until = at, None
