"""Near a cut, who is in may hang on a device's arithmetic. `dva audit --boundary` recomputes the
pairs round the threshold in fp32 and says how many of them are on the other side then."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from dva_agent.protocol import PairStatus

from server.db import Database
from server.errors import TrustError
from server.pools import services as pools
from server.pools.services import Unit
from server.refusals import AgentUnknown
from server.results import compacted
from server.trust.judging import Floats
from server.trust.recompute import Recomputer

SCORE = "score"
REACH = 2.0
"""Times `Tolerance.accept`: a score may move by that, and the threshold too."""
SEED = 0
Z = 1.96
"""Of a normal distribution: 95% lie within."""


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """What `measure` found. `changed`: pairs on the other side of the cut, among those recomputed.
    `membership_error`: such pairs as a share of those cut, with the bounds that hold with 95%;
    both are it where the whole band was recomputed."""

    pool: str
    top: float
    pairs: int
    """With a score."""
    cut: int
    threshold: float
    threshold_fp32: float
    band: float
    """Pairs within that of the threshold may change sides."""
    pairs_in_band: int
    recomputed: int
    changed: int
    largest_difference: float
    membership_error: float
    membership_error_lower95: float
    membership_error_upper95: float


@dataclass(frozen=True, kw_only=True)
class _Place:
    unit: Unit
    position: int
    index: int
    """Among all scores."""


def measure(
    database: Database,
    recomputer: Recomputer,
    *,
    pool: str,
    top: float,
    sample: int,
    progress: Callable[[int, int], None],
) -> Boundary:
    """Recomputes up to `sample` pairs of the band round the cut of the best `top` (0 to 1) of a
    pool's living scores. The cut is DataComp's: the threshold is the n-th largest score, and what
    is at or above it is in. Raises PoolError, TrustError if nothing is scored, AgentUnknown."""
    with database.read() as session:
        found = pools.get_pool(session, pool)
        agent = pools.agent_of(found)
        if agent is None:
            raise AgentUnknown(f"This machine lacks the agent {found.agent}.")
        names = [column.name for column in agent.columns]
        if SCORE not in names:
            raise TrustError(f"The agent {found.agent} gives no score to cut by.")
        shards = pools.shards_of(session, found)
    column = names.index(SCORE)
    tables: list[Floats] = []
    units: list[tuple[Unit, int, list[int]]] = []
    count = 0
    for shard in shards:
        with database.read() as session:
            for unit, result in compacted.results_of(session, recomputer.settings, shard):
                table = np.frombuffer(result.scores, "<f4").reshape(len(result.statuses), -1)
                scored = [p for p, s in enumerate(result.statuses) if s == PairStatus.SCORED]
                units.append((unit, count, scored))
                tables.append(table[scored, column].astype(np.float64))
                count += len(scored)
    if not count:
        raise TrustError(f"No pair of {pool} has a score yet.")
    scores = np.concatenate(tables)
    cut = max(1, int(count * top))
    threshold = nth_largest(scores, cut)
    band = REACH * recomputer.tolerance(found.bundle).accept
    near = np.flatnonzero(np.abs(scores - threshold) <= band)
    chosen = near.tolist()
    if len(chosen) > sample:
        # Whoever repeats it looks at the same ones.
        chosen = sorted(random.Random(SEED).sample(chosen, sample))  # noqa: S311
    again = scores.copy()
    by_unit = _places(units, chosen)
    done = 0
    for unit, places in by_unit:
        outcome = recomputer.recompute(unit, agent, [place.position for place in places])
        for place, pair in zip(places, outcome.pairs, strict=True):
            # One that has no score here isn't in.
            again[place.index] = np.float32(pair.values[column]) if pair.values else -math.inf
        done += len(places)
        progress(done, len(chosen))
    threshold_again = nth_largest(again, cut)
    changed = int(((scores >= threshold) != (again >= threshold_again))[chosen].sum())
    differences = np.abs(again - scores)[chosen]
    lower, upper = interval(changed, len(chosen), len(near))
    return Boundary(
        pool=pool,
        top=top,
        pairs=count,
        cut=cut,
        threshold=threshold,
        threshold_fp32=threshold_again,
        band=band,
        pairs_in_band=len(near),
        recomputed=len(chosen),
        changed=changed,
        largest_difference=float(differences.max(initial=0.0)),
        membership_error=changed / len(chosen) * len(near) / cut,
        membership_error_lower95=lower * len(near) / cut,
        membership_error_upper95=upper * len(near) / cut,
    )


def nth_largest(scores: Floats, n: int) -> float:
    """`n` from 1 to all of them."""
    return float(np.partition(scores, len(scores) - n)[len(scores) - n])


def interval(changed: int, recomputed: int, population: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (JASA 22, 1927), narrowed by how much of a finite population
    was looked at: to nothing where that is all of it. `recomputed` from 1 on."""
    share = changed / recomputed
    if recomputed >= population:
        return share, share
    n = recomputed * (population - 1) / (population - recomputed)
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    # Rounding must not leave out what was seen.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _places(
    units: list[tuple[Unit, int, list[int]]], chosen: list[int]
) -> list[tuple[Unit, list[_Place]]]:
    """Where the chosen scores come from, unit by unit."""
    firsts = [first for _, first, _ in units]
    found: dict[int, list[_Place]] = defaultdict(list)
    for index in chosen:
        number = int(np.searchsorted(firsts, index, side="right")) - 1
        unit, first, scored = units[number]
        found[number].append(_Place(unit=unit, position=scored[index - first], index=index))
    return [(units[number][0], places) for number, places in sorted(found.items())]
