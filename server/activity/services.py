"""What is going on, gathered from the other domains in one view of the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from dva_agent.activity import (
    Activity,
    NamedContributor,
    PoolActivity,
    PublishedSelection,
    Throughput,
)
from dva_agent.protocol import PoolStatus
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.credit import ranking
from server.history import services as history
from server.history.eta import WINDOW, time_left
from server.history.services import HOUR, MINUTE, Series, Sums
from server.pools import services as pools
from server.work import services as work
from server.workbench import services as workbench

ACTIVE = timedelta(minutes=10)
MINUTES = timedelta(minutes=5)
DAY = timedelta(days=1)
YOUNG = timedelta(hours=3)
"""A server that has counted for less shows minutes, not hours."""
CHARTED_HOURS = timedelta(hours=48)
CHARTED_MINUTES = timedelta(hours=1)
NAMED = 50
SELECTIONS = 20


def activity(session: Session, at: datetime) -> Activity:
    lately = history.sums(session, period=MINUTE, since=at - WINDOW)
    statuses = pools.statuses(session, work.count_leased(session, at))
    ids = pools.ids(session)
    last_minutes = history.sums(session, period=MINUTE, since=at - MINUTES)
    last_day = history.sums(session, period=HOUR, since=at - DAY)
    return Activity(
        as_of=at.replace(microsecond=0),
        pools=[_pool(each, lately.get(ids[each.pool], Sums()), at) for each in statuses],
        pairs_minutes=Sums.of(last_minutes.values()).pairs,
        pairs_hour=Sums.of(lately.values()).pairs,
        pairs_day=Sums.of(last_day.values()).pairs,
        throughput=_throughput(charted(session, at)),
        contributors=contributors.count_contributors(session),
        contributors_now=contributors.count_contributors(session, at - ACTIVE),
        devices_now=contributors.count_devices(session, at - ACTIVE),
        named=_named(session),
        selections=_selections(session),
    )


def charted(session: Session, at: datetime) -> Series:
    """Two days by the hour; where counting began lately, the last hour by the minute."""
    first = history.first(session)
    if first is None or at - first < YOUNG:
        return history.series(session, period=MINUTE, since=at - CHARTED_MINUTES, until=at)
    return history.series(session, period=HOUR, since=at - CHARTED_HOURS, until=at)


def _pool(status: PoolStatus, lately: Sums, at: datetime) -> PoolActivity:
    left = time_left(
        status.pairs - status.pairs_done,
        pairs=lately.pairs - lately.again_pairs,
        first=lately.first,
        since=at - WINDOW,
        at=at,
    )
    return PoolActivity(
        pool=status.pool,
        title=status.title,
        agent=status.agent,
        bundle=status.bundle,
        pairs=status.pairs,
        pairs_done=status.pairs_done,
        pairs_hour=lately.pairs,
        seconds_left=None if left is None else left.total_seconds(),
    )


def _throughput(found: Series) -> Throughput:
    period: int = found.period.seconds
    assert period in (60, 3600)
    return Throughput(
        period_s=60 if period == 60 else 3600,
        since=found.starts[0],
        pairs=list(found.pairs),
    )


def _named(session: Session) -> list[NamedContributor]:
    """By confirmed pairs; who has none isn't there: a name alone is no contribution, and anybody
    could put any text on the page by it."""
    ranked = ranking.ranked(session, contributors.named(), limit=NAMED)
    return [NamedContributor(name=name, pairs=pairs) for name, pairs in ranked]


def _selections(session: Session) -> list[PublishedSelection]:
    return [
        PublishedSelection(
            pool=each.job.pool.name,
            name=each.name,
            members=each.members or 0,
            scored=each.scored or 0,
            digest=each.digest or "",
            published=each.published_at.replace(microsecond=0),
        )
        for each in workbench.published(session, limit=SELECTIONS)
        if each.published_at is not None
    ]
