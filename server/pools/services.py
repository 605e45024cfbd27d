"""What other domains may ask of pools: names, shards, units and their pairs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from dva_agent.agents.base import DataAgent
from dva_agent.discovery import AGENTS
from dva_agent.protocol import ROOT
from sqlalchemy import Table, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from server.config import Settings
from server.db import update_now
from server.errors import PoolError
from server.pools import licences
from server.pools.addresses import bundle_sources, bundle_url, shard_url
from server.pools.files import (
    checked_path,
    index_path,
    read_captions,
    shard_pairs,
    truth_path,
    unit_metadata,
    unit_pairs,
)
from server.pools.findings import of_pool as findings_of_pool
from server.pools.findings import of_shards as findings_of_shards
from server.pools.findings import worst_hosts
from server.pools.metadata import SCHEMA as METADATA
from server.pools.models import (
    AUDIT,
    DONE,
    LEASED,
    OPEN,
    REPLICATION,
    WITH_POOL,
    Policy,
    Pool,
    Shard,
    StoppedBundle,
    Unit,
)
from server.pools.open_units import take_open_units
from server.pools.statuses import statuses, with_licences

__all__ = [
    "AUDIT",
    "METADATA",
    "REPLICATION",
    "WITH_POOL",
    "Policy",
    "Pool",
    "Shard",
    "Unit",
    "bundle_sources",
    "bundle_url",
    "checked_path",
    "findings_of_pool",
    "findings_of_shards",
    "index_path",
    "read_captions",
    "shard_pairs",
    "shard_url",
    "statuses",
    "take_open_units",
    "truth_path",
    "unit_metadata",
    "unit_pairs",
    "with_licences",
    "worst_hosts",
]

POOL_NAME = re.compile(r"[0-9a-z][0-9a-z_-]{0,39}")
SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
RESTING = or_(Pool.paused, Pool.bundle.in_(select(StoppedBundle.bundle)))
"""None of its units is to be given out, as an operator says."""
_UNIT_NAME = re.compile(r"u(\d{1,18})-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class UnitCounts:
    """How the units of some pools stand."""

    total: int
    done: int


class Served(NamedTuple):
    """A pool whose units may be handed out; `with_model`: to be computed with its bundle's;
    `audited`: auditors decide about its results."""

    id: int
    bundle: str
    with_model: bool
    audited: bool


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


def agent_of(pool: Pool) -> DataAgent | None:
    """Who works on a pool. None if this server lacks it: its file was there when the pool was
    ingested, and isn't any more."""
    return AGENTS.get(pool.agent)


def pool_ids(session: Session, agents: Sequence[str], name: str | None) -> list[int]:
    """The pools that one of these agents works on, by priority, then oldest first. Without the
    agent here too, its results couldn't be checked."""
    known = [agent for agent in agents if agent in AGENTS]
    query = select(Pool.id).where(Pool.agent.in_(known)).order_by(Pool.priority.desc(), Pool.id)
    if name is not None:
        query = query.where(Pool.name == name)
    return list(session.scalars(query))


# With each claim: made once.
_SERVED = select(Pool.id, Pool.bundle, Pool.agent, Pool.policy).where(
    Pool.id.in_(bindparam("pools", expanding=True)), ~RESTING
)


def served(session: Session, settings: Settings, pool_ids: Sequence[int]) -> list[Served]:
    """Those of the pools that aren't paused and whose bundle may be handed out, in the same
    order."""
    rows = session.execute(_SERVED, {"pools": pool_ids})
    found = {
        row.id: Served(row.id, row.bundle, "model" in AGENTS[row.agent].needs, row.policy == AUDIT)
        for row in rows
    }
    known = (found[pool] for pool in pool_ids if pool in found)
    return [pool for pool in known if licences.is_served(settings, pool.bundle)]


def paused(session: Session, pool_ids: Sequence[int]) -> list[int]:
    """Those of the pools that are, or whose bundle is stopped."""
    return list(session.scalars(select(Pool.id).where(Pool.id.in_(pool_ids), RESTING)))


# With each claim that is given nothing: made once.
_FIRST_UNFINISHED = (
    select(Unit.pool_id)
    .where(Unit.pool_id.in_(bindparam("pools", expanding=True)), Unit.state.in_((OPEN, LEASED)))
    .order_by(Unit.pool_id)
    .limit(1)
)


def first_unfinished(session: Session, pool_ids: Sequence[int]) -> int | None:
    """The oldest of the pools that has, or may soon have, a unit for somebody."""
    return session.scalar(_FIRST_UNFINISHED, {"pools": pool_ids})


def every(session: Session) -> Sequence[Pool]:
    """All pools, oldest first."""
    return session.scalars(select(Pool).order_by(Pool.id)).all()


def ids(session: Session) -> dict[str, int]:
    """Of every pool, by its name."""
    rows = session.execute(select(Pool.name, Pool.id))
    return {row.name: row.id for row in rows}


def names_of_bundle(session: Session, bundle: str) -> list[str]:
    """The pools that it scores."""
    return list(session.scalars(select(Pool.name).where(Pool.bundle == bundle).order_by(Pool.name)))


def has_pools(session: Session) -> bool:
    return session.scalar(select(exists().where(Pool.id.is_not(None)))) or False


def find_shard(session: Session, pool: str, name: str) -> Shard | None:
    """The names come from outside: what can't be one never reaches the database, which may refuse
    the text itself (PostgreSQL has no NUL)."""
    if not (POOL_NAME.fullmatch(pool) and SHARD_NAME.fullmatch(name)):
        return None
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


def shards_after(session: Session, last: int, count: int) -> list[Shard]:
    """`count` shards of all pools, in the order in which they came, after the one with this id."""
    return list(
        session.scalars(
            select(Shard)
            .where(Shard.id > last)
            .order_by(Shard.id)
            .limit(count)
            .options(joinedload(Shard.pool))
        )
    )


def unit_ids(session: Session, shard: Shard, numbers: Collection[int]) -> dict[int, int]:
    """The ids of a shard's units, by their numbers."""
    query = select(Unit.number, Unit.id).where(Unit.shard_id == shard.id, Unit.number.in_(numbers))
    return {row.number: row.id for row in session.execute(query)}


def shard_page(session: Session, pool: Pool, *, first: int, count: int) -> list[Shard]:
    """`count` shards by name, from the one numbered `first` (0 is the first) on."""
    return list(
        session.scalars(
            select(Shard)
            .where(Shard.pool_id == pool.id)
            .order_by(Shard.name)
            .offset(first)
            .limit(count)
        )
    )


def count_shards(session: Session, pool: Pool) -> int:
    query = select(func.count()).select_from(Shard).where(Shard.pool_id == pool.id)
    return session.scalars(query).one()


def leased_units(session: Session, shards: Sequence[Shard]) -> dict[int, int]:
    """Leased units of these shards, by shard id."""
    rows = session.execute(
        select(Unit.shard_id, func.count())
        .where(Unit.shard_id.in_([shard.id for shard in shards]), Unit.state == LEASED)
        .group_by(Unit.shard_id)
    )
    return {shard: int(count) for shard, count in rows}


GIVEN_OUT = ~exists().where(Shard.id == Unit.shard_id, Shard.set_aside)
"""That a unit's shard isn't set aside: a condition for other domains' queries."""


def set_aside(session: Session, shard: int, aside: bool) -> None:
    """While it is, none of its units is given out."""
    session.get_one(Shard, shard).set_aside = aside


def get_shard(session: Session, shard: int) -> Shard:
    return session.get_one(Shard, shard, options=[joinedload(Shard.pool)])


def shard_name(session: Session, shard: int) -> str:
    """POOL/SHARD, as operators name it."""
    found = session.get_one(Shard, shard)
    return f"{found.pool.name}/{found.name}"


def reopen_unit(session: Session, unit: int) -> None:
    update_now(session, [session.get_one(Unit, unit)], state=OPEN)


def finish_unit(session: Session, unit: int) -> Unit:
    """Marks a leased unit as done, and counts it on its shard."""
    row = session.get_one(Unit, unit, options=[WITH_POOL])
    _count_done(session, row.shard, units=1, pairs=row.pairs)
    update_now(session, [row], state=DONE)
    return row


def redo_units(session: Session, units: Sequence[int]) -> list[Unit]:
    """Opens units that were done, and takes them off their shards' counts; gives them in the same
    order."""
    rows = [session.get_one(Unit, unit, options=[WITH_POOL]) for unit in units]
    assert all(row.state == DONE for row in rows)
    # In one order, so that no two wait for each other.
    for shard in sorted({row.shard for row in rows}, key=lambda shard: shard.id):
        own = [row.pairs for row in rows if row.shard is shard]
        _count_done(session, shard, units=-len(own), pairs=-sum(own))
    update_now(session, rows, state=OPEN)
    return rows


# With each result: made once.
_COUNT_DONE = (
    update(cast(Table, Shard.__table__))
    .where(Shard.id == bindparam("shard"))
    .values(
        units_done=Shard.units_done + bindparam("units_more"),
        pairs_done=Shard.pairs_done + bindparam("pairs_more"),
    )
)


def _count_done(session: Session, shard: Shard, *, units: int, pairs: int) -> None:
    """Added up by the database at once: on PostgreSQL two units of a shard may end at the same
    time. The row is locked from then on."""
    session.connection().execute(
        _COUNT_DONE, {"shard": shard.id, "units_more": units, "pairs_more": pairs}
    )
    session.expire(shard, ["units_done", "pairs_done"])


def lock_shard(session: Session, shard: int) -> None:
    """Until the transaction ends, nobody else counts anything on it."""
    session.scalar(select(Shard.id).where(Shard.id == shard).with_for_update(key_share=True))


def get_unit(session: Session, unit: int) -> Unit:
    return session.get_one(Unit, unit, options=[WITH_POOL])


def find_unit(session: Session, pool: str, name: str) -> Unit | None:
    """A unit by the names that messages give it. They come from outside: see `find_shard`."""
    parts = _UNIT_NAME.fullmatch(name)
    if parts is None or not POOL_NAME.fullmatch(pool):
        return None
    shard, number = (int(part) for part in parts.groups())
    return session.scalar(
        select(Unit)
        .join(Unit.pool)
        .where(Unit.shard_id == shard, Unit.number == number, Pool.name == pool)
        .options(WITH_POOL)
    )


def lock_unit(session: Session, unit: int) -> None:
    """Until the transaction ends."""
    session.scalar(select(Unit.id).where(Unit.id == unit).with_for_update(key_share=True, of=Unit))


def captions_url(unit: Unit) -> str | None:
    """Where `read_captions` can be had, if the pool's agent needs no more than that."""
    agent = agent_of(unit.shard.pool)
    if agent is None or "images" in agent.needs:
        return None
    return f"{ROOT}/pools/{unit.shard.pool.name}/units/{unit.name}/captions"


def count_all_shards(session: Session) -> int:
    """Of all pools."""
    return session.scalar(select(func.count()).select_from(Shard)) or 0


def count_units(session: Session, pools: Sequence[int]) -> UnitCounts:
    total, done = session.execute(
        select(
            func.coalesce(func.sum(Shard.units), 0), func.coalesce(func.sum(Shard.units_done), 0)
        ).where(Shard.pool_id.in_(pools))
    ).one()
    return UnitCounts(total=int(total), done=int(done))
