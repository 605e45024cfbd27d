"""How much is to be audited, and who does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.trust import queue
from server.trust.gate import backlog_pairs
from server.trust.models import Audit, Record

__all__ = ["Load", "backlog_pairs", "load", "needed"]

HOUR = timedelta(hours=1)
_BYTES = 2
"""Of a position."""


@dataclass(frozen=True, kw_only=True)
class Load:
    auditors: int
    """Those that live."""
    needed: int | None
    """How many keep up with the last hour's draws; None if nobody has recomputed anything yet."""
    pairs_per_s: float | None
    """What one auditor recomputes while it does."""
    backlog_pairs: int
    drawn_hour: int
    """Pairs that were drawn in the last hour."""
    stopped: int
    """Devices that get no work."""


def load(session: Session, at: datetime) -> Load:
    live = queue.live(session, at)
    pairs = sum(auditor.pairs for auditor in live)
    busy_s = sum(auditor.busy_ms for auditor in live) / 1000
    rate = pairs / busy_s if pairs and busy_s else None
    drawn = session.scalar(
        select(func.sum(func.length(Audit.positions))).where(Audit.created_at > at - HOUR)
    )
    drawn_hour = int(drawn or 0) // _BYTES
    stopped = select(func.count()).select_from(Record).where(Record.stopped_at.is_not(None))
    return Load(
        auditors=len(live),
        needed=None if rate is None else needed(drawn_hour, rate),
        pairs_per_s=rate,
        backlog_pairs=backlog_pairs(session),
        drawn_hour=drawn_hour,
        stopped=session.scalars(stopped).one(),
    )


def needed(drawn_hour: int, pairs_per_s: float) -> int:
    """How many auditors keep up with so many pairs an hour, at `pairs_per_s` > 0 each. One even
    for none: somebody has to be there when work comes."""
    return max(1, math.ceil(drawn_hour / HOUR.total_seconds() / pairs_per_s))
