"""Whether a series of measurements grows, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

WARM_UP = 0.25
"""This share of the run is left out: caches fill, and WebAssembly's memory finds its size."""
BLOCKS = 12
"""Neighbouring samples hang together, which makes an interval too narrow; means of blocks don't."""
CONFIDENCE = 0.95

Verdict = Literal["flat", "grows", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Units of the series an hour, with a 95% interval."""

    slope: float
    low: float
    high: float
    first: float
    last: float
    most: float

    def verdict(self, limit: float) -> Verdict:
        """`grows` if even the interval's low end is above `limit`, `flat` if its high end isn't;
        a longer run decides what lies between."""
        if self.low > limit:
            return "grows"
        return "flat" if self.high <= limit else "undecided"


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """A straight line through block means, after the warm-up. Raises ValueError for fewer than
    two samples a block."""
    start = seconds[0] + WARM_UP * (seconds[-1] - seconds[0])
    kept = [(at, value) for at, value in zip(seconds, values, strict=True) if at >= start]
    if len(kept) < 2 * BLOCKS:
        raise ValueError(f"{len(kept)} samples after the warm-up are too few for a trend.")
    blocks = np.array_split(np.array(kept), BLOCKS)
    hours = [block[:, 0].mean() / 3600 for block in blocks]
    means = [block[:, 1].mean() for block in blocks]
    line = stats.linregress(hours, means)
    # Nothing is left to be unsure of where nothing varies.
    error = line.stderr if np.isfinite(line.stderr) else 0.0
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, BLOCKS - 2) * error
    return Trend(
        slope=float(line.slope),
        low=float(line.slope - reach),
        high=float(line.slope + reach),
        first=float(means[0]),
        last=float(means[-1]),
        most=float(max(values)),
    )
