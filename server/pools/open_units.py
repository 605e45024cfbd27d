"""Units that wait to be leased: which of them a claim takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Select, bindparam, exists, select
from sqlalchemy.orm import Session

from server.db import update_now
from server.pools.files import checked_path
from server.pools.models import LEASED, OPEN, WITH_POOL, Shard, Unit
from server.refusals import ShardUnavailable

log = logging.getLogger(__name__)
SHARD_PAGE = 256
TOLD_SHARDS = 4096


# With each claim: made once.
_OF = (
    select(Unit)
    .where(Unit.state == OPEN)
    .order_by(Unit.id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True, of=Unit)
    .options(WITH_POOL)
)
_OF_POOL = _OF.where(Unit.pool_id == bindparam("where"))
_OF_SHARD = _OF.where(Unit.shard_id == bindparam("where"))


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Units that were open. `unavailable`: open ones were passed over, because their shard is set
    aside, or isn't the file that was ingested."""

    units: list[Unit]
    unavailable: bool


def take_open_units(session: Session, pools: Sequence[int], count: int) -> Taken:
    """Up to `count` open units, now leased, each of a shard that can be fetched: one that can't
    would come back and be first again. Rows that another claim holds are passed over."""
    sound: dict[int, bool] = {}
    units: list[Unit] = []
    for pool in pools:
        units += _take(session, _OF_POOL, pool, count - len(units), sound)
        if len(units) == count or all(sound.values()):
            continue
        for shard in _open_shards(session, pool):
            if len(units) == count:
                break
            if _is_sound(shard, sound):
                units += _take(session, _OF_SHARD, shard.id, count - len(units), sound)
    return Taken(units=units, unavailable=not all(sound.values()))


def _take(
    session: Session, query: Select[Unit], where: int, count: int, sound: dict[int, bool]
) -> list[Unit]:
    """The sound ones of the first `count` open units. Each is marked at once, so that the next
    query doesn't find it again."""
    if count == 0:
        return []
    first = session.scalars(query, {"where": where, "count": count}).all()
    units = [unit for unit in first if _is_sound(unit.shard, sound)]
    update_now(session, units, state=LEASED)
    return units


def _open_shards(session: Session, pool: int) -> Iterator[Shard]:
    """The shards of a pool with open units, oldest first, a page at a time: a claim ends with the
    first sound one as a rule."""
    last = 0
    while page := session.scalars(
        select(Shard)
        .where(
            Shard.pool_id == pool,
            Shard.id > last,
            Shard.units_done < Shard.units,
            exists().where(Unit.shard_id == Shard.id, Unit.state == OPEN),
        )
        .order_by(Shard.id)
        .limit(SHARD_PAGE)
    ).all():
        yield from page
        last = page[-1].id


def _is_sound(shard: Shard, known: dict[int, bool]) -> bool:
    """Whether it isn't set aside and `checked_path` has nothing against it; looked up once a
    claim."""
    if shard.id not in known:
        if shard.set_aside:
            known[shard.id] = False
            return False
        try:
            checked_path(shard)
        except ShardUnavailable as error:
            _tell_operator(str(error), shard.path)
            known[shard.id] = False
        else:
            known[shard.id] = True
    return known[shard.id]


@lru_cache(maxsize=TOLD_SHARDS)
def _tell_operator(what: str, path: str) -> None:
    """Once a process, since every claim passes the shard over anew."""
    log.error("%s (%s) Its units wait until the file is back as it was.", what, path)
