"""What a device posts for a unit. Pure: a behaviour is told the true scores, which no real cheat
knows, and leaves alone what it couldn't have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from dva_agent.protocol import PairStatus

from server.simulation.truth import Floats, Truth

Rng = np.random.Generator
Mask = npt.NDArray[np.bool_]
FALSE_FROM = 0.05
"""A score is counted as false where it is made up and further than this from the true one: about
half of a standard deviation. Guesses that happen to be right do no harm."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One unit before one device: its number, and how many the device has posted before."""

    truth: Truth
    unit: int
    posted: int
    engine: int


@dataclass(frozen=True, kw_only=True)
class Posted:
    """`made_up`: which pairs nobody computed, [pairs]; `broken`: they are said to be broken instead
    of scored."""

    scores: Floats
    made_up: Mask
    broken: bool = False

    @property
    def statuses(self) -> bytes:
        """A status for each pair."""
        status = PairStatus.IMAGE_BROKEN if self.broken else PairStatus.SCORED
        return np.where(self.made_up, status, PairStatus.SCORED).astype(np.uint8).tobytes()


Behaviour = Callable[[Turn, Rng], Posted]


def honest(turn: Turn, rng: Rng) -> Posted:
    """What its engine makes of it."""
    del rng
    return Posted(
        scores=turn.truth.honest(turn.unit, turn.engine),
        made_up=np.zeros(turn.truth.pairs, np.bool_),
    )


def random_scores(turn: Turn, rng: Rng) -> Posted:
    """Spread as true scores are."""
    return _all(turn, rng.normal(turn.truth.mean, turn.truth.spread, turn.truth.pairs))


def constant(turn: Turn, rng: Rng) -> Posted:
    del rng
    return _all(turn, np.full(turn.truth.pairs, turn.truth.mean))


def mean_guessing(turn: Turn, rng: Rng) -> Posted:
    """Near the mean, never twice the same."""
    return _all(turn, rng.normal(turn.truth.mean, turn.truth.spread / 20, turn.truth.pairs))


def caption_length(turn: Turn, rng: Rng) -> Posted:
    """A heuristic that knows a little: it correlates with true scores at 0.4."""
    known = 0.4 * (turn.truth.scores(turn.unit) - turn.truth.mean)
    unknown = rng.normal(0, turn.truth.spread * np.sqrt(1 - 0.4**2), turn.truth.pairs)
    return _all(turn, turn.truth.mean + known + unknown)


def copying(turn: Turn, rng: Rng) -> Posted:
    """The true scores of another unit."""
    del rng
    return _all(turn, turn.truth.scores(turn.unit + 1_000_000).astype(np.float64))


def broken_card(turn: Turn, rng: Rng) -> Posted:
    """The first of each batch of 16 is right, the others repeat its score."""
    right = honest(turn, rng).scores
    first = np.arange(turn.truth.pairs) // 16 * 16
    return Posted(scores=right[first], made_up=first != np.arange(turn.truth.pairs))


def colluding(turn: Turn, rng: Rng) -> Posted:
    """All of them give a unit the same made-up scores, so that they bear each other out."""
    del rng
    return random_scores(turn, np.random.default_rng(turn.unit))


@dataclass(frozen=True, kw_only=True)
class Lazy:
    """Makes up a share of the pairs, a part of each unit or whole units, after `honest_first`."""

    share: float
    whole: bool = False
    honest_first: int = 0

    def __call__(self, turn: Turn, rng: Rng) -> Posted:
        right = honest(turn, rng)
        if turn.posted < self.honest_first:
            return right
        if self.whole:
            made_up = np.full(turn.truth.pairs, rng.random() < self.share)
        else:
            made_up = rng.random(turn.truth.pairs) < self.share
        guesses = rng.normal(turn.truth.mean, turn.truth.spread / 20, turn.truth.pairs)
        scores = np.where(made_up, guesses, right.scores).astype(np.float32)
        return Posted(scores=np.clip(scores, -1, 1), made_up=made_up)


@dataclass(frozen=True, kw_only=True)
class Dropping:
    """Calls a share of the pictures broken, and spares itself the work."""

    share: float

    def __call__(self, turn: Turn, rng: Rng) -> Posted:
        dropped = rng.random(turn.truth.pairs) < self.share
        scores = np.where(dropped, 0, honest(turn, rng).scores).astype(np.float32)
        return Posted(scores=scores, made_up=dropped, broken=True)


def _all(turn: Turn, scores: npt.NDArray[np.float64]) -> Posted:
    clipped = np.clip(scores, -1, 1).astype(np.float32)
    return Posted(scores=clipped, made_up=np.ones(turn.truth.pairs, np.bool_))
