"""Several results of one unit. What becomes of them trust decides (server/trust/replication)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from server.pools import services as pools
from server.pools.services import Unit
from server.results.models import LIVING, PENDING, PENDING_ONLY, REJECTED, Result
from server.results.services import confirm, count_broken, reject


def of_unit(session: Session, unit: int) -> Sequence[Result]:
    """Its living results, in the order in which they came."""
    query = select(Result).where(Result.unit_id == unit, LIVING).order_by(Result.id)
    return session.scalars(query).all()


def has_pending(session: Session, pool: int) -> bool:
    """Whether a result of this pool is neither confirmed nor taken out."""
    pending = select(Result.id).join(Unit, Unit.id == Result.unit_id)
    return bool(session.scalar(select(exists(pending.where(PENDING_ONLY, Unit.pool_id == pool)))))


def decide(session: Session, unit: Unit, right: Sequence[Result], wrong: Sequence[Result]) -> None:
    """Confirms those and rejects these, all of them pending and none left out. If the one whose
    scores were the unit's is among these, the first of the others takes its place."""
    for result in wrong:
        assert result.state == PENDING
        result.state = REJECTED
    for result in right:
        confirm(result)
    # The database must see it gone before another one takes its place.
    session.flush()
    for result in wrong:
        if result.copy == 0:
            pools.lock_shard(session, unit.shard_id)
            count_broken(session, unit.shard_id, result.statuses, -1)
            count_broken(session, unit.shard_id, right[0].statuses, 1)
            right[0].copy = 0
    session.flush()


def leave_without(session: Session, unit: Unit, results: Sequence[Result]) -> None:
    """Rejects all of them; the unit stays done, and has no scores."""
    pools.lock_shard(session, unit.shard_id)
    for result in results:
        result.state = REJECTED
        if result.copy == 0:
            count_broken(session, unit.shard_id, result.statuses, -1)
    session.flush()


def reject_copies(session: Session, results: Sequence[Result]) -> None:
    """The unit is given out anew."""
    for result in results:
        if result.copy:
            result.state = REJECTED
        else:
            reject(session, result)
    session.flush()
