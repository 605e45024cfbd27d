"""What the page of a pool shows, gathered from the other domains in one view of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dva_agent.protocol import PairStatus, PoolStatus
from sqlalchemy.orm import Session

from server.compaction import standing
from server.compaction.standing import PoolStanding, ShardStanding
from server.config import Settings
from server.pools import findings
from server.pools import services as pools
from server.pools.services import Pool, Shard
from server.refusals import ShardUnavailable
from server.results import services as results
from server.trust import operator
from server.work import services as work

SHARDS_SHOWN = 100
HOSTS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class ShardLine:
    shard: Shard
    leased: int
    open: int
    fault: str
    """What is wrong with its file; empty if nothing is."""
    aside: str | None
    """Why it is set aside; None if it isn't."""
    findings: Mapping[str, int]
    kept: ShardStanding
    """Where its results are."""


@dataclass(frozen=True, kw_only=True)
class PoolPage:
    status: PoolStatus
    compaction: PoolStanding
    shards: Sequence[ShardLine]
    broken: Mapping[PairStatus, int]
    findings: Mapping[str, int]
    """What ingest found, by kind."""
    hosts: Sequence[tuple[str, Mapping[str, int]]]
    """Those with the most."""
    page: int
    """From 1."""
    pages: int


def statuses(session: Session, settings: Settings, at: datetime) -> list[PoolStatus]:
    """Every pool."""
    leased = work.count_leased(session, at)
    return pools.with_licences(settings, pools.statuses(session, leased))


def compaction(session: Session) -> Mapping[str, PoolStanding]:
    """Of each pool, by its name."""
    found = standing.by_pool(session)
    return {name: found.get(number, PoolStanding()) for name, number in pools.ids(session).items()}


def pool_page(
    session: Session, settings: Settings, pool: Pool, page: int, at: datetime
) -> PoolPage:
    """`page` from 1; one past the last shows the last."""
    pages = max(-(-pools.count_shards(session, pool) // SHARDS_SHOWN), 1)
    page = min(page, pages)
    shards = pools.shard_page(session, pool, first=(page - 1) * SHARDS_SHOWN, count=SHARDS_SHOWN)
    leased = pools.leased_units(session, shards)
    found = findings.of_shards(session, [shard.id for shard in shards])
    kept = standing.of_shards(session, shards, after_days=settings.compact_after_days)
    aside = {
        each.name: each.decisions[-1].reason if each.decisions else ""
        for each in operator.set_aside(session)
    }
    return PoolPage(
        status=next(
            status for status in statuses(session, settings, at) if status.pool == pool.name
        ),
        compaction=standing.of_pool(session, pool),
        shards=[
            _line(
                shard,
                leased.get(shard.id, 0),
                aside.get(f"{pool.name}/{shard.name}", "") if shard.set_aside else None,
                found.get(shard.id, {}),
                kept[shard.id],
            )
            for shard in shards
        ],
        broken=results.broken_pairs(session, pool),
        findings=findings.of_pool(session, pool),
        hosts=findings.worst_hosts(session, pool, HOSTS_SHOWN),
        page=page,
        pages=pages,
    )


def _line(
    shard: Shard,
    leased: int,
    aside: str | None,
    findings: Mapping[str, int],
    kept: ShardStanding,
) -> ShardLine:
    fault = ""
    try:
        pools.checked_path(shard)
    except ShardUnavailable as error:
        fault = str(error)
    return ShardLine(
        shard=shard,
        leased=leased,
        open=shard.units - shard.units_done - leased,
        fault=fault,
        aside=aside,
        findings=findings,
        kept=kept,
    )
