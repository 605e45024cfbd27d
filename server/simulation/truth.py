"""True scores, and what honest engines make of them: recorded, not drawn from a distribution of
choice.

Each pair of a simulated unit stands for one of the pairs that real engines scored
(server/trust/noise): its true score is native fp32's, and an honest device posts what its engine
made of that very pair.
"""

from __future__ import annotations

from functools import cached_property, lru_cache, partial

import numpy as np
import numpy.typing as npt
from dva_agent.protocol import Rung

from server.trust.noise import Noise, recorded

BUNDLE = "demo-q8"
KEPT = 4096
Floats = npt.NDArray[np.float32]


class Truth:
    """For units of `pairs` pairs, numbered from 1. `seed`: another one, other pairs."""

    def __init__(self, *, pairs: int, seed: int) -> None:
        self.pairs = pairs
        # Looked up when a unit is worked on, and again when it is audited soon after.
        self._places = lru_cache(maxsize=KEPT)(partial(self._draw, seed))
        self._engines = [noise for noise in recorded() if noise.bundle == BUNDLE]

    @property
    def engines(self) -> int:
        """How many engines there are, from 0."""
        return len(self._engines)

    @cached_property
    def mean(self) -> float:
        """Of true scores."""
        return float(self._scores.mean())

    @cached_property
    def spread(self) -> float:
        """Their standard deviation."""
        return float(self._scores.std())

    def rung(self, engine: int) -> Rung:
        return self._engines[engine].rung

    def scores(self, unit: int) -> Floats:
        """The true ones, [pairs]."""
        found: Floats = self._scores[self._places(unit)]
        return found

    def honest(self, unit: int, engine: int) -> Floats:
        """What this engine makes of them. Of an engine that scored fewer pairs than others, the
        differences it has come more often."""
        noise = self._engines[engine]
        places = self._places(unit)
        differences = noise.differences[places % len(noise.differences)]
        scores: Floats = np.clip(self._scores[places] + differences, -1, 1).astype(np.float32)
        return scores

    @cached_property
    def _scores(self) -> Floats:
        largest: Noise = max(self._engines, key=lambda noise: len(noise.truth))
        return largest.truth

    def _draw(self, seed: int, unit: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng((seed, unit))
        return rng.integers(0, len(self._scores), self.pairs)
