"""What scoring a pool moves and computes, from what was counted: bytes, floating-point operations,
the share that is computed once more to be sure, and what that costs at the operator's prices. What
isn't known is None, never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dva_agent.errors import BundleError
from sqlalchemy.orm import Session

from server.config import Settings
from server.credit import services as credit
from server.history import services as history
from server.history.services import HOUR, Sums
from server.pools import services as pools
from server.pools.services import Pool
from server.trust.load import Load, load

MILLION = 1_000_000
HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class PoolEconomics:
    """Of one pool; "a million" is of pairs that results came for."""

    pool: str
    pairs: int
    since: datetime | None
    """When counting began that these figures come from."""
    bytes_million: float | None
    """Handed out, also what came to nothing: expired, given back, rejected and done again."""
    file_bytes_million: float | None
    """What lies in its shards for a million of its pairs: the least that there is to fetch."""
    gflops_pair: float | None
    """0: its agent runs no model."""
    new_share: float | None
    """Of pairs of devices on probation, how many were drawn to be recomputed."""
    known_share: float | None
    """The same after probation."""
    audited_share: float | None
    """Of both together."""
    again_share: float | None
    """Of all pairs, how many were of a unit that had a result already: replication."""
    audit_hours_million: float | None
    """What one auditor works for a million, at the speed of those that live."""

    @property
    def gflops_million(self) -> float | None:
        return None if self.gflops_pair is None else self.gflops_pair * MILLION


@dataclass(frozen=True, kw_only=True)
class Economics:
    pools: Sequence[PoolEconomics]
    load: Load
    model_bytes: int
    """Of models, to whoever came, in the hours that are kept."""


def economics(session: Session, settings: Settings, at: datetime) -> Economics:
    counted = history.sums(session, period=HOUR)
    found = load(session, at)
    sizes = {each.pool: (each.bytes, each.pairs) for each in pools.statuses(session, {})}
    return Economics(
        pools=[
            of_pool(
                pool.name,
                counted.get(pool.id, Sums()),
                files=sizes[pool.name],
                gflops_pair=_gflops(settings, pool),
                audited_per_s=found.pairs_per_s,
            )
            for pool in pools.every(session)
            if pool.name in sizes
        ],
        load=found,
        model_bytes=history.model_bytes(session),
    )


def of_pool(
    name: str,
    counted: Sums,
    *,
    files: tuple[int, int],
    gflops_pair: float | None,
    audited_per_s: float | None,
) -> PoolEconomics:
    """`files`: bytes of its shards, and their pairs. `audited_per_s`: pairs that one auditor
    recomputes in a second."""
    size, pairs = files
    share = ratio(counted.new_drawn + counted.known_drawn, counted.new_pairs + counted.known_pairs)
    is_known = share is not None and audited_per_s
    return PoolEconomics(
        pool=name,
        pairs=counted.pairs,
        since=counted.first,
        bytes_million=per_million(counted.bytes, counted.pairs),
        file_bytes_million=per_million(size, pairs),
        gflops_pair=gflops_pair,
        new_share=ratio(counted.new_drawn, counted.new_pairs),
        known_share=ratio(counted.known_drawn, counted.known_pairs),
        audited_share=share,
        again_share=ratio(counted.again_pairs, counted.pairs),
        audit_hours_million=MILLION * (share or 0) / (audited_per_s or 1) / HOUR_S
        if is_known
        else None,
    )


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def per_million(part: int, pairs: int) -> float | None:
    return part * MILLION / pairs if pairs else None


def _gflops(settings: Settings, pool: Pool) -> float | None:
    try:
        return credit.gflops_per_pair(settings, pool)
    except BundleError:
        return None
