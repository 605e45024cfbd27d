"""Where the bars of a histogram go, in percent of its plot, and what its script needs to move a
line over it without asking. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from server.workbench.line import bars
from server.workbench.ranking import BINS, Counts, score_of

BARS = 96
FINE = 1024
"""What the script counts by while the line is moved; settled, the server counts exactly."""
LEAST = 1.2
"""Percent: a bar with anything in it can be seen."""
LABELS = 5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """In percent, from the top left. Of its height, `shared` is what another selection has too, and
    `kept` what is in the cut, where strata have lines of their own."""

    x: float
    width: float
    height: float
    shared: float
    kept: float


@dataclass(frozen=True, kw_only=True)
class Drawing:
    low: float
    high: float
    """Scores, at the left and the right end."""
    most: int
    """Pairs that a bar of the full height stands for."""
    bars: Sequence[Bar]
    labels: Sequence[tuple[float, str]]
    """Where, in percent, and what."""
    counts: Sequence[int]
    """Of the script's bins, from `low` to `high`."""
    shared: Sequence[int] | None

    def place(self, score: float) -> float:
        """Of a score, in percent; the ends for what lies beyond."""
        return round(min(max((score - self.low) / (self.high - self.low), 0.0), 1.0) * 100, 4)


def draw(counted: Counts, shared: Counts | None, kept: Counts | None = None) -> Drawing:
    """`counted`, `shared`, `kept`: [BINS]."""
    first, width = bars(counted, BARS)
    used = np.flatnonzero(counted)
    last = int(used[-1]) if len(used) else BINS - 1
    number = (last - first) // width + 1
    coarse = _summed(counted, first, width, number)
    parts = {
        name: None if part is None else _summed(part, first, width, number).tolist()
        for name, part in (("shared", shared), ("kept", kept))
    }
    most = max(int(coarse.max()), 1)
    fine = width
    while fine > 1 and number * width // (fine // 2) <= FINE:
        fine //= 2
    step = 100 / number
    low, high = score_of(first), score_of(first + number * width)
    decimals = 2 if high - low >= 0.2 else 3
    return Drawing(
        low=low,
        high=high,
        most=most,
        bars=[
            Bar(
                x=round(index * step, 3),
                width=round(step * 0.88, 3),
                height=round(max(100 * count / most, LEAST), 2) if count else 0.0,
                **{
                    name: round(100 * part[index] / most, 2) if part else 0.0
                    for name, part in parts.items()
                },
            )
            for index, count in enumerate(coarse.tolist())
        ],
        labels=[
            (100 * each / (LABELS - 1), f"{low + (high - low) * each / (LABELS - 1):.{decimals}f}")
            for each in range(LABELS)
        ],
        counts=_summed(counted, first, fine, number * width // fine).tolist(),
        shared=None
        if shared is None
        else _summed(shared, first, fine, number * width // fine).tolist(),
    )


def _summed(counted: Counts, first: int, width: int, number: int) -> Counts:
    """[number]: of `width` bins each, as if there were empty ones beyond the last."""
    padded = np.zeros(number * width, np.int64)
    inside = counted[first : first + number * width]
    padded[: len(inside)] = inside
    summed: Counts = padded.reshape(number, width).sum(axis=1)
    return summed
