"""Limits in the database: for what is rare and has to hold across all workers."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.limits.models import Allowance
from server.limits.rate import Rate, take

FORGET_AT_ONCE = 100


def require(session: Session, client: str, rate: Rate, at: datetime) -> float:
    """Takes one from a client's allowance; 0, or the seconds until there is one to take."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(Allowance).values(client=client, free_at=at).on_conflict_do_nothing())
    row = session.scalars(
        select(Allowance).where(Allowance.client == client).with_for_update()
    ).one()
    taken = take(rate, row.free_at.timestamp(), at.timestamp())
    row.free_at = datetime.fromtimestamp(taken.free_at, UTC)
    return taken.wait_s


def forget(session: Session, at: datetime) -> None:
    """Drops some of the clients that have their whole burst again."""
    stale = select(Allowance.client).where(Allowance.free_at <= at).limit(FORGET_AT_ONCE)
    session.execute(
        delete(Allowance).where(
            Allowance.client.in_(stale.with_for_update(skip_locked=True).scalar_subquery())
        )
    )
