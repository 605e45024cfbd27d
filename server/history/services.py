"""What other domains may ask of history: series for charts, sums for figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.history.models import Level, PoolCount, ServerCount
from server.history.periods import HOUR, MINUTE, Period, fitting
from server.history.tally import ANYBODY, Levels, Tally, at_commit, init_app

__all__ = [
    "HOUR",
    "MINUTE",
    "Levels",
    "Period",
    "Series",
    "Settled",
    "Sums",
    "drawn",
    "first",
    "fitting",
    "init_app",
    "model_bytes",
    "series",
    "settled",
    "settled_since",
    "sums",
    "tally",
]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What happened on a pool, or on all of them: see models.PoolCount."""

    leases: int = 0
    bytes: int = 0
    results: int = 0
    pairs: int = 0
    again_pairs: int = 0
    new_pairs: int = 0
    new_drawn: int = 0
    known_pairs: int = 0
    known_drawn: int = 0
    first: datetime | None = None
    """When the first period began that anything was counted in."""

    @classmethod
    def of(cls, found: Iterable[Sums]) -> Sums:
        """All of them together."""
        every = list(found)
        starts = [each.first for each in every if each.first is not None]
        counted = {name: sum(getattr(each, name) for each in every) for name in COUNTED}
        return cls(**counted, first=min(starts, default=None))


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Results that were decided about: see models.ServerCount."""

    confirmed: int
    rejected: int


SHORTEST_S = 15.0
"""Of a period that has just begun: a single result in its first second is no rate."""
COUNTED = tuple(field.name for field in fields(Sums) if field.name != "first")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value a period, in the order of time. Counts of a period in which nothing happened are 0;
    what nobody looked at is None."""

    period: Period
    starts: Sequence[datetime]
    results: Sequence[int]
    pairs: Sequence[int]
    bytes: Sequence[int]
    refused: Sequence[int]
    failed: Sequence[int]
    leases: Sequence[int | None]
    backlog_pairs: Sequence[int | None]
    devices: Sequence[int | None]
    contributors: Sequence[int | None]

    def pairs_per_s(self, at: datetime) -> list[float]:
        """In each period, as far as it has passed by then."""
        return [
            pairs / min(max((at - start).total_seconds(), SHORTEST_S), self.period.seconds)
            for start, pairs in zip(self.starts, self.pairs, strict=True)
        ]


def tally() -> Tally:
    """This app's."""
    found = current_app.extensions["dva-history"]
    assert isinstance(found, Tally)
    return found


def drawn(session: Session, at: datetime, counts: Mapping[int, Counter[str]]) -> None:
    """What was drawn of each pool's results to be recomputed: new_pairs, new_drawn, known_pairs,
    known_drawn. Written with the caller's transaction."""
    at_commit(session, {(MINUTE.start(at), pool): found for pool, found in counts.items()})


def settled(session: Session, at: datetime, *, confirmed: int = 0, rejected: int = 0) -> None:
    """So many results were decided about. Written with the caller's transaction."""
    found = Counter(confirmed=confirmed, rejected=rejected)
    at_commit(session, {(MINUTE.start(at), ANYBODY): found})


def series(
    session: Session,
    *,
    period: Period,
    since: datetime,
    until: datetime,
    pools: Collection[int] | None = None,
) -> Series:
    """Every period that has some of [since, until) in it; of these pools or of all."""
    starts = period.starts(since, until)
    first, end = (starts[0], starts[-1]) if starts else (until, since)
    counted = select(
        PoolCount.start,
        func.sum(PoolCount.results),
        func.sum(PoolCount.pairs),
        func.sum(PoolCount.bytes),
    ).where(PoolCount.period_s == period.seconds, PoolCount.start.between(first, end))
    if pools is not None:
        counted = counted.where(PoolCount.pool_id.in_(pools))
    work = {
        start: (int(results), int(pairs), int(size))
        for start, results, pairs, size in session.execute(counted.group_by(PoolCount.start))
    }
    answers = {
        row.start: row
        for row in session.scalars(
            select(ServerCount).where(
                ServerCount.period_s == period.seconds, ServerCount.start.between(first, end)
            )
        )
    }
    levels = {
        row.start: row
        for row in session.scalars(
            select(Level).where(Level.period_s == period.seconds, Level.start.between(first, end))
        )
    }
    none = (0, 0, 0)
    return Series(
        period=period,
        starts=starts,
        results=[work.get(start, none)[0] for start in starts],
        pairs=[work.get(start, none)[1] for start in starts],
        bytes=[work.get(start, none)[2] for start in starts],
        refused=[answers[start].refused if start in answers else 0 for start in starts],
        failed=[answers[start].failed if start in answers else 0 for start in starts],
        leases=[levels[start].leases if start in levels else None for start in starts],
        backlog_pairs=[
            levels[start].backlog_pairs if start in levels else None for start in starts
        ],
        devices=[levels[start].devices if start in levels else None for start in starts],
        contributors=[levels[start].contributors if start in levels else None for start in starts],
    )


def sums(session: Session, *, period: Period, since: datetime | None = None) -> dict[int, Sums]:
    """What happened on each pool in the periods that began at `since` or later, or in all that are
    kept, by pool id."""
    columns = [func.sum(getattr(PoolCount, name)).label(name) for name in COUNTED]
    query = select(PoolCount.pool_id, func.min(PoolCount.start).label("first"), *columns).where(
        PoolCount.period_s == period.seconds
    )
    if since is not None:
        query = query.where(PoolCount.start >= since)
    return {
        row.pool_id: Sums(first=row.first, **{name: int(getattr(row, name)) for name in COUNTED})
        for row in session.execute(query.group_by(PoolCount.pool_id))
    }


def settled_since(session: Session, *, period: Period, since: datetime) -> Settled:
    """In the periods that began then or later."""
    query = select(func.sum(ServerCount.confirmed), func.sum(ServerCount.rejected)).where(
        ServerCount.period_s == period.seconds, ServerCount.start >= since
    )
    confirmed, rejected = session.execute(query).one()
    return Settled(confirmed=int(confirmed or 0), rejected=int(rejected or 0))


def model_bytes(session: Session, since: datetime | None = None) -> int:
    """Of bundles' files, in the hours that began then or later, or in all that are kept."""
    query = select(func.sum(ServerCount.model_bytes)).where(ServerCount.period_s == HOUR.seconds)
    if since is not None:
        query = query.where(ServerCount.start >= since)
    return int(session.scalar(query) or 0)


def first(session: Session) -> datetime | None:
    """When the first hour began that is kept and has a result in it."""
    return session.scalar(
        select(func.min(PoolCount.start)).where(
            PoolCount.period_s == HOUR.seconds, PoolCount.results > 0
        )
    )
