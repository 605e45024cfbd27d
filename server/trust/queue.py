"""Who recomputes what: open audits, claimed until a deadline, and the processes that claim them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import ColumnElement, TextClause, bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from server.db import add_counts
from server.trust.models import OPEN_ONLY, POSITION_BYTES, Audit, Auditor

CLAIM = timedelta(minutes=10)
"""Who dies loses its claim after that, and another one takes the audit."""
LIVE = timedelta(seconds=60)
FORGET = timedelta(days=1)


def claim(session: Session, name: str, at: datetime, *, pairs: int = 1) -> list[Audit]:
    """The oldest open audits that nobody has, now claimed: one, and more of them while all are of
    no more than `pairs`. Those that another process is claiming at this moment are passed over."""
    oldest = session.scalars(
        select(Audit)
        .where(*_unclaimed(at))
        .order_by(Audit.id)
        .limit(pairs)
        .with_for_update(skip_locked=True)
    ).all()
    sizes = accumulate(len(audit.positions) // POSITION_BYTES for audit in oldest)
    claimed = [
        audit
        for audit, size in zip(oldest, sizes, strict=True)
        if size <= pairs or audit is oldest[0]
    ]
    for audit in claimed:
        audit.claimed_by = name
        audit.claimed_until = at + CLAIM
    session.flush()
    return claimed


def is_open(session: Session, at: datetime) -> bool:
    """Whether there is something to claim. Reads only."""
    return session.scalar(select(Audit.id).where(*_unclaimed(at)).limit(1)) is not None


def report(
    session: Session, name: str, started: datetime, at: datetime, *, pairs: int, busy_ms: int
) -> None:
    """An auditor says that it lives, and what it did since it said so last."""
    add_counts(
        session,
        Auditor,
        key={"name": name},
        counts={"pairs": pairs, "busy_ms": busy_ms},
        values={"started_at": started, "seen_at": at},
    )
    session.execute(delete(Auditor).where(Auditor.seen_at < at - FORGET))


def leave(session: Session, name: str) -> None:
    """An auditor ends, and is no longer counted on."""
    session.execute(delete(Auditor).where(Auditor.name == name))


# With each claim of a newcomer: made once.
_LIVE = select(Auditor.name).where(Auditor.seen_at > bindparam("since")).limit(1)


def is_live(session: Session, at: datetime) -> bool:
    return session.scalar(_LIVE, {"since": at - LIVE}) is not None


def live(session: Session, at: datetime) -> Sequence[Auditor]:
    return session.scalars(
        select(Auditor).where(Auditor.seen_at > at - LIVE).order_by(Auditor.name)
    ).all()


def count_open(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Audit).where(OPEN_ONLY)).one()


def _unclaimed(at: datetime) -> tuple[ColumnElement[bool] | TextClause, ...]:
    return (
        OPEN_ONLY,
        or_(Audit.claimed_until.is_(None), Audit.claimed_until <= at),
    )
