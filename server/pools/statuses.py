"""How pools stand, as everybody may know it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from dva_agent.discovery import AGENTS
from dva_agent.protocol import PoolStatus
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.pools import licences
from server.pools.addresses import bundle_url
from server.pools.models import Pool, Shard, StoppedBundle


def statuses(session: Session, leased: dict[int, int]) -> list[PoolStatus]:
    """Every pool; `leased` counts the units in flight, by pool id."""
    sums = {
        row.pool_id: row
        for row in session.execute(
            select(
                Shard.pool_id,
                func.sum(Shard.pairs).label("pairs"),
                func.sum(Shard.size).label("bytes"),
                func.sum(Shard.units).label("units"),
                func.sum(Shard.units_done).label("units_done"),
                func.sum(Shard.pairs_done).label("pairs_done"),
            ).group_by(Shard.pool_id)
        )
    }
    stopped = set(session.scalars(select(StoppedBundle.bundle)))
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
            policy=pool.policy,
            paused=pool.paused or pool.bundle in stopped,
            priority=pool.priority,
            pairs=int(sums[pool.id].pairs),
            bytes=int(sums[pool.id].bytes),
            units=int(sums[pool.id].units),
            units_leased=leased.get(pool.id, 0),
            units_done=int(sums[pool.id].units_done),
            pairs_done=int(sums[pool.id].pairs_done),
            columns=list(agent.columns) if agent else [],
            needs=sorted(agent.needs) if agent else [],
        )
        for pool in session.scalars(select(Pool).order_by(Pool.id))
        if pool.id in sums
        for agent in [AGENTS.get(pool.agent)]
    ]


def with_licences(settings: Settings, statuses: Sequence[PoolStatus]) -> list[PoolStatus]:
    """The same, with what the operator has accepted by now."""
    return [
        msgspec.structs.replace(
            status, licence_accepted=licences.is_served(settings, status.bundle)
        )
        for status in statuses
    ]
