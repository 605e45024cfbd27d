"""What other domains may ask of pools: names, shards, units and their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dva_agent.protocol import ROOT, PairRef, PoolStatus
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from server.config import Settings
from server.errors import PoolError, ShardUnavailable
from server.pools.beside import TRUTH
from server.pools.index import read_unit
from server.pools.models import DONE, LEASED, OPEN, Pool, Shard, Unit

__all__ = ["Pool", "Shard", "Unit"]


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """How the units of some pools stand."""

    total: int
    done: int


def index_path(settings: Settings, pool: str, shard: str) -> Path:
    return settings.pools / pool / "index" / f"{shard}.parquet"


def truth_path(settings: Settings, pool: str) -> Path:
    return settings.pools / pool / TRUTH


def bundle_url(bundle: str) -> str:
    return f"{ROOT}/bundles/{bundle}/"


def shard_url(shard: Shard) -> str:
    return f"{ROOT}/pools/{shard.pool.name}/shards/{shard.name}.tar"


def find_pool(session: Session, name: str) -> Pool | None:
    return session.scalar(select(Pool).where(Pool.name == name))


def get_pool(session: Session, name: str) -> Pool:
    """For commands. Raises PoolError if there is no such pool."""
    pool = find_pool(session, name)
    if pool is None:
        known = ", ".join(session.scalars(select(Pool.name).order_by(Pool.name))) or "none yet"
        raise PoolError(
            f"There is no pool {name}.", code="pool_unknown", next_step=f"Pools here: {known}."
        )
    return pool


def pool_ids(session: Session, agents: Sequence[str], name: str | None) -> list[int]:
    """The pools that one of these agents works on, oldest first."""
    query = select(Pool.id).where(Pool.agent.in_(agents)).order_by(Pool.id)
    if name is not None:
        query = query.where(Pool.name == name)
    return list(session.scalars(query))


def find_shard(session: Session, pool: str, name: str) -> Shard | None:
    return session.scalar(
        select(Shard).join(Shard.pool).where(Pool.name == pool, Shard.name == name)
    )


def shards_of(session: Session, pool: Pool) -> list[Shard]:
    return list(
        session.scalars(
            select(Shard)
            .where(Shard.pool_id == pool.id)
            .order_by(Shard.name)
            .options(joinedload(Shard.pool))
        )
    )


def checked_path(shard: Shard) -> Path:
    """Where the tar lies. Raises ShardUnavailable if it isn't the file that was ingested: its
    offsets would point into something else."""
    path = Path(shard.path)
    try:
        found = path.stat()
    except OSError as error:
        raise ShardUnavailable(f"The shard {shard.name} can't be read.") from error
    if (found.st_size, found.st_mtime_ns) != (shard.size, shard.mtime_ns):
        raise ShardUnavailable(f"The shard {shard.name} has changed since it was ingested.")
    return path


def take_open_units(session: Session, pools: Sequence[int], count: int) -> list[Unit]:
    """Up to `count` open units, now leased. Rows that another claim holds are passed over."""
    units: list[Unit] = []
    for pool in pools:
        if len(units) == count:
            break
        units += session.scalars(
            select(Unit)
            .where(Unit.pool_id == pool, Unit.state == OPEN)
            .order_by(Unit.id)
            .limit(count - len(units))
            .with_for_update(skip_locked=True, of=Unit)
            .options(joinedload(Unit.shard).joinedload(Shard.pool))
        )
    for unit in units:
        unit.state = LEASED
    return units


def reopen_unit(session: Session, unit: int) -> None:
    session.get_one(Unit, unit).state = OPEN


def finish_unit(session: Session, unit: int) -> Unit:
    """Marks a leased unit as done, and counts it on its shard."""
    row = session.get_one(Unit, unit, options=[joinedload(Unit.shard).joinedload(Shard.pool)])
    row.state = DONE
    # Added up by the database: on PostgreSQL two units of a shard may end at the same time.
    row.shard.units_done = Shard.units_done + 1
    row.shard.pairs_done = Shard.pairs_done + row.pairs
    return row


def get_unit(session: Session, unit: int) -> Unit:
    return session.get_one(Unit, unit, options=[joinedload(Unit.shard).joinedload(Shard.pool)])


def unit_pairs(settings: Settings, unit: Unit) -> list[PairRef]:
    path = index_path(settings, unit.shard.pool.name, unit.shard.name)
    return read_unit(path, unit.number)


def count_units(session: Session, pools: Sequence[int]) -> UnitCounts:
    total, done = session.execute(
        select(
            func.coalesce(func.sum(Shard.units), 0), func.coalesce(func.sum(Shard.units_done), 0)
        ).where(Shard.pool_id.in_(pools))
    ).one()
    return UnitCounts(total=int(total), done=int(done))


def statuses(session: Session, leased: dict[int, int]) -> list[PoolStatus]:
    """Every pool; `leased` counts the units in flight, by pool id."""
    sums = {
        row.pool_id: row
        for row in session.execute(
            select(
                Shard.pool_id,
                func.sum(Shard.pairs).label("pairs"),
                func.sum(Shard.units).label("units"),
                func.sum(Shard.units_done).label("units_done"),
                func.sum(Shard.pairs_done).label("pairs_done"),
            ).group_by(Shard.pool_id)
        )
    }
    return [
        PoolStatus(
            pool=pool.name,
            agent=pool.agent,
            bundle=pool.bundle,
            bundle_url=bundle_url(pool.bundle),
            title=pool.title,
            licence=pool.licence,
            attribution=pool.attribution,
            safe=pool.safe,
            pairs=int(sums[pool.id].pairs),
            units=int(sums[pool.id].units),
            units_leased=leased.get(pool.id, 0),
            units_done=int(sums[pool.id].units_done),
            pairs_done=int(sums[pool.id].pairs_done),
        )
        for pool in session.scalars(select(Pool).order_by(Pool.id))
        if pool.id in sums
    ]
