"""Where the bars of a small chart go. Pure arithmetic; the template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600
HEIGHT = 120
GAP = 2
_STEPS = (1, 2, 5)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """In units of the chart's own WIDTH x HEIGHT, the origin at its top left."""

    x: float
    y: float
    width: float
    height: float
    value: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    bars: Sequence[Bar]
    top: int
    """What a bar of the full height stands for: 1, 2 or 5 times a power of ten."""


def chart(values: Sequence[float], *, top: int | None = None) -> Chart:
    """One bar a value (each >= 0), left to right. `top`: where several share a scale."""
    top = round_up(max(values, default=0)) if top is None else top
    step = WIDTH / max(len(values), 1)
    bars = []
    for number, value in enumerate(values):
        # What isn't nothing is seen: a bar of less than a pixel would look like an empty minute.
        height = max(HEIGHT * value / top, 1.5) if value else 0.0
        bars.append(
            Bar(
                x=round(number * step + GAP / 2, 2),
                y=round(HEIGHT - height, 2),
                width=round(step - GAP, 2),
                height=round(height, 2),
                value=value,
            )
        )
    return Chart(bars=bars, top=top)


def round_up(value: float) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in _STEPS:
            if value <= step * power:
                return step * power
        power *= 10
