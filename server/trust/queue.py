"""Who recomputes what: open audits, claimed until a deadline, and the processes that claim them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from server.db import add_counts
from server.trust.models import OPEN, Audit, Auditor

CLAIM = timedelta(minutes=10)
"""Who dies loses its claim after that, and another one takes the audit."""
LIVE = timedelta(seconds=60)
FORGET = timedelta(days=1)


def claim(session: Session, name: str, at: datetime) -> Audit | None:
    """The oldest open audit that nobody has, now claimed. Those that another process is claiming
    at this moment are passed over."""
    audit = session.scalars(
        select(Audit)
        .where(*_unclaimed(at))
        .order_by(Audit.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if audit is not None:
        audit.claimed_by = name
        audit.claimed_until = at + CLAIM
        session.flush()
    return audit


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


def is_live(session: Session, at: datetime) -> bool:
    query = select(func.count()).select_from(Auditor).where(Auditor.seen_at > at - LIVE)
    return session.scalars(query).one() > 0


def live(session: Session, at: datetime) -> Sequence[Auditor]:
    return session.scalars(
        select(Auditor).where(Auditor.seen_at > at - LIVE).order_by(Auditor.name)
    ).all()


def count_open(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(Audit).where(Audit.state == OPEN)).one()


def _unclaimed(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Audit.state == OPEN,
        or_(Audit.claimed_until.is_(None), Audit.claimed_until <= at),
    )
