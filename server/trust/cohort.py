"""Who is to blame for failed audits: a person, a kind of device or a shard. Pure; docs/trust.md
derives it.

People are counted, not audits: who fails a hundred times is one who failed, and so are a hundred
accounts of one network. First a chi-square test asks whether failures are spread evenly over the
kinds of devices (or the shards) at all; then the residual of each of them, within layers of what
else could have been the cause, says which.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

VERSION = "2"
"""Of all that follows, for whoever compares what came of it."""
LEAST_PARTIES = 5
"""So many who have nothing to do with each other must have failed."""
LEAST_SHARE = 0.5
"""More than this share of the parties that were audited there must have failed: a few can't take
what works for most away from them. And more than this share of those who were audited elsewhere
must have failed nowhere else: where most cheat, their failures are nothing but their own."""
CHI_SQUARE_LEVEL = 1e-3
RESIDUAL_LEVEL = 1e-4
"""Over all residuals of one look together."""
WITNESS_AUDITS = 3
"""Only who had passed so many audits on other shards before can bear witness about a shard."""
TABLES = 4999
"""Drawn at random for the chi-square test: counts this small don't follow the curve."""
_SEED = 1900
_COUNTS_AT_ONCE = 1 << 20
"""Of random tables: how kinds of devices are called is up to whoever posts, and so how many."""


class DeviceClass(NamedTuple):
    """A kind of device, as devices name it, with what it ran."""

    bundle: str
    rung: str
    name: str


Cell = DeviceClass | int
"""A kind of device, or a shard's number."""


class Tried(NamedTuple):
    """A contributor's audits of one kind of device on one shard. `network`: where it is; None is
    a network of its own. `began`: the number of the first of these audits; they are made in the
    order of their numbers, more or less."""

    contributor: str
    network: str | None
    device_class: DeviceClass
    shard: int
    passed: int
    failed: int
    began: int


Excused = Mapping[str, Collection[Cell]]
"""By contributor, what their failures were laid to before."""
_NOBODY: Excused = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A kind of device, or a shard, that is to blame. `parties` were audited there, of whom
    `failed` have failed; `chi_square` and `residual` are the two p-values, the latter corrected for
    how many were compared; `deviation`: the standardised residual."""

    cell: Cell
    parties: int
    failed: int
    chi_square: float
    residual: float
    deviation: float


_Before = Mapping[str, set[Cell]]
"""By party, what failures of theirs were laid to."""


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One party in one cell and one layer."""

    party: str
    cell: Cell
    layer: Hashable
    failed: bool


def findings(tried: Sequence[Tried], excused: Excused = _NOBODY) -> list[Finding]:
    """What is to blame, the clearest first; what it explains counts no more for the others. Empty:
    whoever failed, failed for themselves. `excused`: who was, and fails again, has failed twice."""
    party = parties(tried)
    before: dict[str, set[Cell]] = defaultdict(set)
    for contributor, cells in excused.items():
        if contributor in party:
            before[party[contributor]].update(cells)
    left = list(tried)
    found: list[Finding] = []
    while True:
        looked = [*_look(_by_class(left, party, before)), *_look(_by_shard(left, party, before))]
        one = min(
            (finding for finding in looked if _is_sound_elsewhere(left, party, finding.cell)),
            key=lambda finding: finding.residual,
            default=None,
        )
        if one is None:
            return found
        found.append(one)
        left = [each for each in left if one.cell not in (each.device_class, each.shard)]


def parties(tried: Iterable[Tried]) -> dict[str, str]:
    """By contributor, a name for all who may be one person: those who share a network, with whoever
    shares another one with them."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = name = above[above[name]]
        return name

    for each in tried:
        own = f"contributor {each.contributor}"
        above[top(own)] = top(own if each.network is None else f"network {each.network}")
    return {each.contributor: top(f"contributor {each.contributor}") for each in tried}


def _is_sound_elsewhere(tried: Iterable[Tried], party: Mapping[str, str], cell: Cell) -> bool:
    """Whether most of those who were audited elsewhere haven't failed there, and are enough."""
    present, failed = set(), set()
    for each in tried:
        if cell in (each.device_class, each.shard):
            continue
        present.add(party[each.contributor])
        if each.failed:
            failed.add(party[each.contributor])
    sound = len(present) - len(failed)
    return sound >= LEAST_PARTIES and sound > LEAST_SHARE * len(present)


def _by_class(tried: Sequence[Tried], party: Mapping[str, str], before: _Before) -> list[_Trial]:
    """Kinds of devices are compared on the same shards. Who failed with two kinds speaks against
    neither."""
    return _trials(
        tried,
        party,
        before,
        cell=lambda each: each.device_class,
        layer=lambda each: each.shard,
        has_failed=lambda each: each.failed > 0,
    )


def _by_shard(tried: Sequence[Tried], party: Mapping[str, str], before: _Before) -> list[_Trial]:
    """Shards are compared on the same kind of device, and by those alone who had passed elsewhere
    before: who never computes anything fails wherever he is sent, and newcomers are all sent to the
    same shards. Who failed on two speaks against neither; who fails where he has passed speaks for
    that shard, which was auditable."""
    witnesses = _witnesses(tried, party)
    return _trials(
        [each for each in tried if each.failed or each in witnesses],
        party,
        before,
        cell=lambda each: each.shard,
        layer=lambda each: each.device_class,
        has_failed=lambda each: each.failed > 0 and not each.passed,
        is_heard=lambda each: each in witnesses,
    )


def _witnesses(tried: Iterable[Tried], party: Mapping[str, str]) -> set[Tried]:
    """Those who can speak about the shard that they were audited on: by the time they came there,
    they had passed elsewhere. What they did later can't count, for only who hasn't failed did."""
    passed: dict[str, Counter[int]] = defaultdict(Counter)
    in_all: Counter[str] = Counter()
    found = set()
    for each in sorted(tried, key=lambda each: each.began):
        who = party[each.contributor]
        if in_all[who] - passed[who][each.shard] >= WITNESS_AUDITS:
            found.add(each)
        passed[who][each.shard] += each.passed
        in_all[who] += each.passed
    return found


def _trials(
    tried: Sequence[Tried],
    party: Mapping[str, str],
    before: _Before,
    *,
    cell: Callable[[Tried], Cell],
    layer: Callable[[Tried], Hashable],
    has_failed: Callable[[Tried], bool],
    is_heard: Callable[[Tried], bool] | None = None,
) -> list[_Trial]:
    """Of one kind of cells; what else somebody was excused for is one in which they failed."""
    failed_in: dict[str, set[Cell]] = defaultdict(set)
    outcome: dict[tuple[str, Cell, Hashable], bool] = {}
    for each in tried:
        who, where = party[each.contributor], cell(each)
        if each.failed:
            failed_in[who].add(where)
            failed_in[who].update(one for one in before[who] if type(one) is type(where))
        if is_heard is None or is_heard(each):
            key = (who, where, layer(each))
            outcome[key] = outcome.get(key, False) or has_failed(each)
    return [
        _Trial(party=who, cell=where, layer=among, failed=failed)
        for (who, where, among), failed in outcome.items()
        if len(failed_in[who]) <= 1
    ]


def _look(trials: Sequence[_Trial]) -> list[Finding]:
    present: dict[Cell, set[str]] = defaultdict(set)
    failed: dict[Cell, set[str]] = defaultdict(set)
    for trial in trials:
        present[trial.cell].add(trial.party)
        if trial.failed:
            failed[trial.cell].add(trial.party)
    suspects = [
        cell
        for cell, who in failed.items()
        if len(who) >= LEAST_PARTIES and len(who) > LEAST_SHARE * len(present[cell])
    ]
    if not suspects:
        return []
    spread = chi_square(
        [len(failed[cell]) for cell in present], [len(who) for who in present.values()]
    )
    if spread > CHI_SQUARE_LEVEL:
        return []
    found = []
    for cell in suspects:
        chance, deviation = residual(_layers(trials, cell))
        corrected = min(1.0, chance * len(present))
        if corrected <= RESIDUAL_LEVEL:
            found.append(
                Finding(
                    cell=cell,
                    parties=len(present[cell]),
                    failed=len(failed[cell]),
                    chi_square=spread,
                    residual=corrected,
                    deviation=deviation,
                )
            )
    return found


class Layer(NamedTuple):
    """Of one layer: how many there are, and how many failed; the same of those in the cell."""

    all: int
    failed: int
    own: int
    own_failed: int


def _layers(trials: Iterable[_Trial], cell: Cell) -> list[Layer]:
    counts: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for trial in trials:
        count = counts[trial.layer]
        inside = trial.cell == cell
        for place, one in enumerate((True, trial.failed, inside, inside and trial.failed)):
            count[place] += one
    return [Layer(*count) for count in counts.values()]


def chi_square(failed: Sequence[int], present: Sequence[int]) -> float:
    """The p-value of Pearson's test that failures are spread evenly over cells with so many
    `present`, by comparison with random tables that have the same margins."""
    sizes = np.asarray(present, np.int64)
    total, gone = int(sizes.sum()), int(sum(failed))
    if len(sizes) < 2 or gone in (0, total):
        return 1.0
    expected = sizes * (gone / total)

    def statistic(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        # The column of those who passed has the same differences, over what is expected there.
        weights = 1 / expected + 1 / (sizes - expected)
        found: npt.NDArray[np.float64] = ((counts - expected) ** 2 * weights).sum(axis=-1)
        return found

    rng = np.random.default_rng(_SEED)
    observed = statistic(np.asarray(failed, np.int64)) * (1 - 1e-9)
    as_far, at_once = 0, max(_COUNTS_AT_ONCE // len(sizes), 1)
    for first in range(0, TABLES, at_once):
        count = min(at_once, TABLES - first)
        drawn = rng.multivariate_hypergeometric(sizes, gone, size=count, method="marginals")
        as_far += int((statistic(drawn) >= observed).sum())
    return (as_far + 1) / (TABLES + 1)


def residual(layers: Iterable[Layer]) -> tuple[float, float]:
    """The chance that as many as were counted, or more, of those who failed would be in the cell,
    were it all the same in each layer where they are: exact, as Fisher's and Mantel and Haenszel's
    tests are. And how many standard deviations that is from what is expected."""
    observed, mean, variance = 0, 0.0, 0.0
    chances: npt.NDArray[np.float64] = np.ones(1)
    for layer in layers:
        if not layer.own or not layer.failed:
            continue
        observed += layer.own_failed
        share = layer.own / layer.all
        mean += layer.failed * share
        if layer.all > 1:
            variance += (
                layer.failed * share * (1 - share) * (layer.all - layer.failed) / (layer.all - 1)
            )
        chances = np.convolve(chances, _hypergeometric(layer))
    if variance <= 0:
        return 1.0, 0.0
    tail = float(chances[observed:].sum())
    return min(1.0, tail), (observed - mean) / math.sqrt(variance)


def _hypergeometric(layer: Layer) -> npt.NDArray[np.float64]:
    """The chance of each count, from 0 to all who failed, of those who failed and are in the
    cell."""
    ways = math.comb(layer.all, layer.failed)
    others = layer.all - layer.own
    return np.array(
        [
            math.comb(layer.own, count) * math.comb(others, layer.failed - count) / ways
            for count in range(layer.failed + 1)
        ]
    )
