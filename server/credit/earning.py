"""What a result earns: so much a pair, by the pool's bundle, and never by what a client says."""

from __future__ import annotations

from dva_agent.errors import BundleError
from dva_agent.protocol import PairStatus

from server.config import Settings
from server.credit.run import Earned, credits
from server.pools import bundles
from server.pools import services as pools
from server.pools.services import Pool, Unit
from server.results.services import Result

MODEL = "model"


def earned(settings: Settings, result: Result, unit: Unit) -> Earned:
    """Every pair counts that was worked on, also one that turned out broken: the audit compares
    that too. What was withheld doesn't. An agent that runs no model earns nothing: a pair's credit
    is what its model computes. `unit` comes with its shard and pool. Raises BundleError."""
    pairs = counted(result.statuses)
    gflops = gflops_per_pair(settings, unit.shard.pool)
    return Earned(result_id=result.id, unit=unit.id, pairs=pairs, amount=credits(pairs, gflops))


def counted(statuses: bytes) -> int:
    """How many pairs of a result its credit is for."""
    return len(statuses) - statuses.count(PairStatus.WITHHELD)


def gflops_per_pair(settings: Settings, pool: Pool) -> float:
    """Of the pool's model; 0 where its agent runs none. Raises BundleError."""
    agent = pools.agent_of(pool)
    if agent is None or MODEL not in agent.needs:
        return 0.0
    manifest = bundles.registered(settings.bundles, pool.bundle)
    if manifest is None:
        raise BundleError(f"The bundle {pool.bundle} isn't registered here.")
    return manifest.gflops_per_pair
