"""Leases of results whose shard is compacted: each goes with its result, and comes back with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from server.db import parts
from server.pools.services import Unit
from server.work.models import DONE, HELD, Ballot, Lease


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A lease under which a result came. `at`: when that was."""

    lease: str
    unit: int
    device: str
    copy: int
    claimed_at: datetime
    at: datetime


def is_busy(session: Session, shard: int) -> bool:
    """Whether a unit of the shard is under lease, or several results of it are being compared."""
    held = select(Lease.id).join(Unit, Unit.id == Lease.unit_id)
    compared = select(Ballot.unit_id).join(Unit, Unit.id == Ballot.unit_id)
    return bool(
        session.scalar(
            select(
                exists(held.where(Lease.state == HELD, Unit.shard_id == shard))
                | exists(compared.where(Unit.shard_id == shard))
            )
        )
    )


def claimed_at(session: Session, leases: Collection[str]) -> dict[str, datetime]:
    """When each of them was claimed."""
    found: dict[str, datetime] = {}
    for some in parts(leases):
        rows = session.execute(select(Lease.id, Lease.claimed_at).where(Lease.id.in_(some)))
        found |= {row.id: row.claimed_at for row in rows}
    return found


def put_away(session: Session, leases: Collection[str]) -> None:
    """No result is stored under them any more."""
    for some in parts(leases):
        brought = update(Lease).where(Lease.brought_by.in_(some))
        session.execute(brought.values(brought_by=None))
        session.execute(delete(Lease).where(Lease.id.in_(some)))


def bring_back(session: Session, ended: Sequence[Ended]) -> None:
    session.add_all(
        Lease(
            id=each.lease,
            unit_id=each.unit,
            device_id=each.device,
            copy=each.copy,
            state=DONE,
            claimed_at=each.claimed_at,
            deadline=each.at,
        )
        for each in ended
    )
    session.flush()
