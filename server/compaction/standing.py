"""How far compaction is, for a page: from rows alone, nothing is read of results or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.pools.services import Pool, Shard
from server.results import compacted
from server.results.compacted import CompactedShard


@dataclass(frozen=True, kw_only=True)
class PoolStanding:
    """`shards`, `bytes`: compacted ones and their files. `last`: when the last of them was;
    `waiting`: finished shards whose results are in the database."""

    shards: int = 0
    bytes: int = 0
    last: datetime | None = None
    waiting: int = 0


@dataclass(frozen=True, kw_only=True)
class ShardStanding:
    """`file`: None where its results are in the database. `not_before`: of a finished one, when it
    is old enough at the earliest; None: it isn't finished, or nobody compacts by itself."""

    file: CompactedShard | None
    not_before: datetime | None


def by_pool(session: Session) -> Mapping[int, PoolStanding]:
    """Of pools that have a finished shard, by their numbers."""
    waiting = compacted.waiting_by_pool(session)
    done = compacted.sums_by_pool(session)
    nothing = compacted.Sum(shards=0, bytes=0, last=None)
    return {
        pool: PoolStanding(
            shards=found.shards, bytes=found.bytes, last=found.last, waiting=waiting.get(pool, 0)
        )
        for pool in {*done, *waiting}
        for found in [done.get(pool, nothing)]
    }


def of_pool(session: Session, pool: Pool) -> PoolStanding:
    return by_pool(session).get(pool.id, PoolStanding())


def of_shards(
    session: Session, shards: Sequence[Shard], *, after_days: float
) -> Mapping[int, ShardStanding]:
    """Of each, by its number. `after_days`: how old it has to be; 0: nobody compacts by itself."""
    files = compacted.rows_of(session, [shard.id for shard in shards])
    waiting = [
        shard.id
        for shard in shards
        if shard.units_done == shard.units and shard.id not in files and not shard.set_aside
    ]
    newest = compacted.newest_by_shard(session, waiting) if after_days else {}
    age = timedelta(days=after_days)
    return {
        shard.id: ShardStanding(
            file=files.get(shard.id),
            not_before=newest[shard.id] + age if shard.id in newest else None,
        )
        for shard in shards
    }
