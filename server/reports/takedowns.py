"""Takedowns: a pair, a picture or all pairs of a host leave every pool, because somebody who may
say so wants it.

What is found is withheld just as what was reported is: that is the one mechanism which leases,
results, score tables and selections know. The order itself is kept, and shards that come later are
held to it: ingest asks this module (server/pools/filters.py) in the transaction that stores one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from server.config import Settings
from server.db import Database, insert_once
from server.errors import ShardError
from server.pools import services as pools
from server.pools.filters import Gone, sha256_of
from server.pools.search import Place, Sought, places
from server.pools.services import Shard
from server.refusals import ShardUnavailable
from server.reports.models import CONFIRMED, ReportedPair, Takedown

SHARD_PAGE = 256
PAIRS_AT_ONCE = 500
_ORDERS = 0x445654
"""PostgreSQL's lock; SQLite has one writer anyway."""


@dataclass(kw_only=True)
class Searched:
    """`pairs`: how many were found, by pool, whether they were withheld before or not. `missed`:
    shards that couldn't be looked at, as POOL/SHARD, and why."""

    pairs: Counter[str] = field(default_factory=Counter)
    missed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A takedown, as an operator sees it. `pairs`: withheld because of it."""

    id: int
    kind: str
    value: str
    why: str
    ordered_by: str
    ordered_at: datetime
    done_at: datetime | None
    """When every shard that there was had been looked through."""
    pairs: int


def order(session: Session, wanted: Sought, *, why: str, by: str, at: datetime) -> int:
    """Writes the order down, before anything is looked for: what is stored already will be looked
    through, and what is stored from now on was held to it. Waits for shards that are being stored
    at this moment. One that was given before stays as it is. Returns its number."""
    _lock(session, "pg_advisory_xact_lock")
    values = {"kind": wanted.kind, "value": wanted.value}
    insert_once(session, Takedown, **values, why=why, ordered_by=by, ordered_at=at)
    return session.scalars(select(Takedown.id).filter_by(**values)).one()


def carry_out(
    database: Database,
    settings: Settings,
    number: int,
    at: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> Searched:
    """Looks through every shard, and withholds what is found. Done only if none was missed; may be
    repeated. `progress(done, total)` counts shards."""
    with database.read() as session:
        wanted = _sought(session.get_one(Takedown, number))
    found = Searched()
    done = after = 0
    while True:
        with database.read() as session:
            page = pools.shards_after(session, after, SHARD_PAGE)
            total = pools.count_all_shards(session)
        if not page:
            break
        for shard in page:
            _look_at(database, settings, shard, wanted, number, at, found)
            done += 1
            if progress:
                progress(done, max(total, done))
        after = page[-1].id
    if not found.missed:
        with database.write() as session:
            session.get_one(Takedown, number).done_at = at
    return found


def gone(session: Session) -> Gone:
    """Everything that was ever taken down, for ingest."""
    values: dict[str, list[str]] = {"uid": [], "sha256": [], "url_host": []}
    newest = 0
    for number, kind, value in session.execute(select(Takedown.id, Takedown.kind, Takedown.value)):
        values[kind].append(value)
        newest = max(newest, number)
    return Gone(
        uids=frozenset(values["uid"]),
        hashes=frozenset(filter(None, map(sha256_of, values["sha256"]))),
        hosts=frozenset(values["url_host"]),
        last=newest,
    )


def last(session: Session) -> int:
    """The number of the last order; 0 if there is none. Until the transaction ends, nobody gives
    another."""
    _lock(session, "pg_advisory_xact_lock_shared")
    return session.scalar(select(func.max(Takedown.id))) or 0


def listed(session: Session) -> list[Listed]:
    """All of them, oldest first."""
    pairs: Mapping[int | None, int] = {
        row.takedown_id: row.pairs
        for row in session.execute(
            select(ReportedPair.takedown_id, func.count().label("pairs"))
            .where(ReportedPair.takedown_id.is_not(None), ReportedPair.state == CONFIRMED)
            .group_by(ReportedPair.takedown_id)
        )
    }
    return [
        Listed(
            id=each.id,
            kind=each.kind,
            value=each.value,
            why=each.why,
            ordered_by=each.ordered_by,
            ordered_at=each.ordered_at,
            done_at=each.done_at,
            pairs=pairs.get(each.id, 0),
        )
        for each in session.scalars(select(Takedown).order_by(Takedown.id))
    ]


def _look_at(
    database: Database,
    settings: Settings,
    shard: Shard,
    wanted: Sought,
    number: int,
    at: datetime,
    found: Searched,
) -> None:
    name = f"{shard.pool.name}/{shard.name}"
    try:
        there = places(settings, shard, wanted)
    except (ShardUnavailable, ShardError, OSError, pa.ArrowException) as error:
        found.missed[name] = str(error)
        return
    for first in range(0, len(there), PAIRS_AT_ONCE):
        with database.write() as session:
            _withhold(session, shard, there[first : first + PAIRS_AT_ONCE], number, at)
    if there:
        found.pairs[shard.pool.name] += len(there)


def _withhold(
    session: Session, shard: Shard, there: Sequence[Place], number: int, at: datetime
) -> None:
    units = pools.unit_ids(session, shard, {place.unit for place in there})
    for unit in sorted(units.values()):
        # Until the transaction ends, nobody reports a pair of this unit for the first time.
        pools.lock_unit(session, unit)
    known = {
        (pair.unit_id, pair.position): pair
        for pair in session.scalars(
            select(ReportedPair).where(ReportedPair.unit_id.in_(units.values()))
        )
    }
    for place in there:
        pair = known.get((units[place.unit], place.position))
        if pair is None:
            pair = ReportedPair(
                unit_id=units[place.unit], position=place.position, uid=place.uid, reported_at=at
            )
            session.add(pair)
        pair.state = CONFIRMED
        pair.decided_at = at
        pair.takedown_id = number


def _lock(session: Session, how: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT {how}(:orders)"), {"orders": _ORDERS})


def _sought(takedown: Takedown) -> Sought:
    return Sought(kind=takedown.kind, value=takedown.value)  # type: ignore[arg-type]
