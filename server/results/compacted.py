"""The results of a finished shard, which are in the database or, once it is compacted, in its file.
Who asks for them needn't know where they are. When a shard is compacted is for server/compaction to
say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, delete, exists, func, select, text
from sqlalchemy.orm import Session

from server.config import Settings
from server.db import parts
from server.pools.services import WITH_POOL, Pool, Shard, Unit
from server.results import kept
from server.results.kept import Kept
from server.results.models import CONFIRMED, LIVING, PENDING_ONLY, CompactedShard, Result
from server.results.services import AUDITED
from server.results.standing import Standing

__all__ = ["CompactedShard", "Kept"]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Of all compacted shards of a pool; each is what CompactedShard has of one."""

    results: int
    pairs: int
    results_audited: int
    pairs_audited: int
    audits: int


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Of a pool's compacted shards. `last`: when the last of them was compacted."""

    shards: int
    bytes: int
    last: datetime | None


def path_of(settings: Settings, shard: Shard) -> Path:
    return settings.scores / shard.pool.name / f"{shard.name}.parquet"


def find(session: Session, shard: int) -> CompactedShard | None:
    return session.get(CompactedShard, shard)


def results_of(
    session: Session, settings: Settings, shard: Shard, state: Standing = "all"
) -> Sequence[tuple[Unit, Result]]:
    """The living results of a shard in the order of its units, one a unit. Raises PoolError if the
    shard's file is damaged."""
    row = find(session, shard.id)
    if row is None:
        return _stored(session, shard, state)
    if state not in ("all", CONFIRMED):
        return []
    units = {unit.name: unit for unit in _units(session, shard)}
    return [
        (units[each.unit], each.result)
        for each in kept.read(path_of(settings, shard), row.sha256)
        if each.result.copy == 0
    ]


def taken_at(session: Session, settings: Settings, shard: Shard, result: int) -> datetime:
    """When a result that is in the shard's file was taken. Raises PoolError."""
    row = session.get_one(CompactedShard, shard.id)
    path = path_of(settings, shard)
    try:
        return kept.times(path, row.sha256)[result]
    except KeyError as error:
        raise kept.damaged(path, f"lacks the result {result}") from error


def confirmed_of(session: Session, shard: int) -> Sequence[tuple[Unit, Result]]:
    """All confirmed results that are stored for a shard, by unit, those too that only bear another
    one out."""
    rows = session.execute(
        select(Unit, Result)
        .join(Result, Result.unit_id == Unit.id)
        .where(Unit.shard_id == shard, LIVING, Result.state == CONFIRMED)
        .order_by(Unit.number, Result.copy)
        .options(WITH_POOL)
    )
    return [(unit, result) for unit, result in rows]


def is_undecided(session: Session, shard: int) -> bool:
    """Whether a result of the shard is neither confirmed nor taken out."""
    pending = select(Result.id).join(Unit, Unit.id == Result.unit_id)
    return bool(session.scalar(select(exists(pending.where(Unit.shard_id == shard, PENDING_ONLY)))))


def newest(session: Session) -> int:
    """The number of the newest result that is stored; 0: none is."""
    return session.scalar(select(func.max(Result.id))) or 0


def count_confirmed_after(session: Session, device: str, result: int, most: int) -> int:
    """A device's confirmed results that came after this one, in audited pools; counted up to
    `most`."""
    own = Result.device_id == device, Result.state == CONFIRMED, AUDITED
    later = select(Result.id).where(Result.id > result, *own).limit(most).subquery()
    return session.scalars(select(func.count()).select_from(later)).one()


def last_audit(session: Session) -> int:
    """The number of the newest audit that is in any shard's file; 0: none is."""
    return session.scalar(select(func.max(CompactedShard.last_audit))) or 0


def put_away(session: Session, row: CompactedShard, results: Collection[int]) -> None:
    """They are in the file now, and nothing refers to them any more."""
    session.add(row)
    session.flush()
    for some in parts(results):
        session.execute(delete(Result).where(Result.id.in_(some)))


def bring_back(session: Session, row: CompactedShard, found: Sequence[tuple[Unit, Kept]]) -> None:
    """What a shard's file has, read before, is stored again; their leases are there already."""
    for unit, each in found:
        each.result.unit_id = unit.id
        session.add(each.result)
    session.delete(row)
    session.flush()


def kept_of(
    session: Session, settings: Settings, shard: Shard, row: CompactedShard
) -> list[tuple[Unit, Kept]]:
    """All that is in a shard's file, with the units. Raises PoolError."""
    units = {unit.name: unit for unit in _units(session, shard)}
    return [(units[each.unit], each) for each in kept.read(path_of(settings, shard), row.sha256)]


def counts(session: Session, pool: Pool) -> Counts:
    row = session.execute(
        select(
            func.coalesce(func.sum(CompactedShard.results), 0),
            func.coalesce(func.sum(Shard.pairs), 0),
            func.coalesce(func.sum(CompactedShard.results_audited), 0),
            func.coalesce(func.sum(CompactedShard.pairs_audited), 0),
            func.coalesce(func.sum(CompactedShard.audits), 0),
        )
        .select_from(CompactedShard)
        .join(Shard, Shard.id == CompactedShard.shard_id)
        .where(Shard.pool_id == pool.id)
    ).one()
    results, pairs, results_audited, pairs_audited, audits = (int(count) for count in row)
    return Counts(
        results=results,
        pairs=pairs,
        results_audited=results_audited,
        pairs_audited=pairs_audited,
        audits=audits,
    )


def compacted(session: Session, pool: Pool) -> list[tuple[Shard, CompactedShard]]:
    """Those of a pool that are, by name."""
    rows = session.execute(
        select(Shard, CompactedShard)
        .join(CompactedShard, CompactedShard.shard_id == Shard.id)
        .where(Shard.pool_id == pool.id)
        .order_by(Shard.name)
    )
    return [(shard, row) for shard, row in rows]


def finished(session: Session, pool: Pool | None, *, after: int, limit: int) -> list[int]:
    """Numbers of shards whose units are all done and whose results are stored, in their order:
    the first `limit` of those above `after`."""
    query = select(Shard.id).where(Shard.id > after, *_finished(pool)).order_by(Shard.id)
    return list(session.scalars(query.limit(limit)))


def count_finished(session: Session, pool: Pool | None) -> int:
    return session.scalars(select(func.count()).select_from(Shard).where(*_finished(pool))).one()


def waiting_by_pool(session: Session) -> dict[int, int]:
    """Finished shards whose results are stored, by the number of their pool."""
    query = select(Shard.pool_id, func.count()).where(*_finished(None)).group_by(Shard.pool_id)
    return {pool: int(count) for pool, count in session.execute(query)}


def sums_by_pool(session: Session) -> dict[int, Sum]:
    """Of compacted shards, by the number of their pool."""
    query = (
        select(
            Shard.pool_id,
            func.count(),
            func.sum(CompactedShard.bytes),
            func.max(CompactedShard.made_at),
        )
        .join(CompactedShard, CompactedShard.shard_id == Shard.id)
        .group_by(Shard.pool_id)
    )
    return {
        pool: Sum(shards=shards, bytes=int(size), last=last)
        for pool, shards, size, last in session.execute(query)
    }


def rows_of(session: Session, shards: Collection[int]) -> dict[int, CompactedShard]:
    """Those of these shards that are compacted, by their numbers."""
    rows = session.scalars(select(CompactedShard).where(CompactedShard.shard_id.in_(shards)))
    return {row.shard_id: row for row in rows}


def newest_by_shard(session: Session, shards: Collection[int]) -> dict[int, datetime]:
    """When the last living result came of each of these shards that has any."""
    query = (
        select(Unit.shard_id, func.max(Result.scored_at).label("newest"))
        .join(Result, Result.unit_id == Unit.id)
        .where(Unit.shard_id.in_(shards), LIVING)
        .group_by(Unit.shard_id)
    )
    return {row.shard_id: row.newest for row in session.execute(query)}


def database_bytes(session: Session) -> int:
    """That are in use. SQLite's file keeps the rest for rows to come; PostgreSQL counts what its
    vacuum hasn't freed yet."""
    if session.get_bind().dialect.name == "postgresql":
        return int(session.scalar(text("SELECT pg_database_size(current_database())")))
    pages, free, size = (
        int(session.scalar(text(f"PRAGMA {name}")) or 0)
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _finished(pool: Pool | None) -> tuple[ColumnElement[bool], ...]:
    every = (
        Shard.units_done == Shard.units,
        ~Shard.set_aside,
        ~exists().where(CompactedShard.shard_id == Shard.id),
    )
    return every if pool is None else (*every, Shard.pool_id == pool.id)


def _stored(session: Session, shard: Shard, state: Standing) -> Sequence[tuple[Unit, Result]]:
    query = (
        select(Unit, Result)
        .join(Result, Result.unit_id == Unit.id)
        .where(Unit.shard_id == shard.id, LIVING, Result.copy == 0)
        .order_by(Unit.number)
        .options(WITH_POOL)
    )
    if state != "all":
        query = query.where(Result.state == state)
    return [(unit, result) for unit, result in session.execute(query)]


def _units(session: Session, shard: Shard) -> Sequence[Unit]:
    query = select(Unit).where(Unit.shard_id == shard.id).order_by(Unit.number)
    return session.scalars(query.options(WITH_POOL)).all()
