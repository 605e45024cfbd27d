"""Scales of blocks, stored in one byte each: a whole number times the step of their row.

The graph multiplies the two when it is loaded, so a scale costs nothing at run time and a quarter
of a float32 on the wire. A step has at most four significant bits and a level at most seven, so
their product is exact in fp16 as well as in fp32: every rung computes with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIGHEST = 127
"""The largest level."""
STEP_BITS = 4
SMALLEST = 2.0**-14
"""fp16's smallest normal number: a GPU may take anything below it for zero."""
SMALLEST_STEP = 2.0**-20
"""With it, SMALLEST is still a level that fits."""


@dataclass(frozen=True, kw_only=True)
class Scales:
    levels: NDArray[np.int8]
    """[rows, blocks], never 0. Negative where a block is turned round."""
    steps: NDArray[np.float32]
    """[rows, 1], positive, of at most STEP_BITS significant bits."""

    @property
    def values(self) -> NDArray[np.float32]:
        """[rows, blocks], at least SMALLEST in size."""
        product: NDArray[np.float32] = self.levels.astype(np.float32) * self.steps
        return product


def steps_for(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """A step for each row [rows, 1] that reaches the row's largest scale, [rows, 1] or [rows]."""
    wanted = largest.reshape(-1, 1).astype(np.float64) / HIGHEST
    fraction, exponent = np.frexp(np.maximum(wanted, SMALLEST_STEP))
    rounded = np.ceil(np.ldexp(fraction, STEP_BITS))
    steps: NDArray[np.float32] = np.ldexp(rounded, exponent - STEP_BITS).astype(np.float32)
    return steps


def levels_for(wanted: NDArray[np.float32], steps: NDArray[np.float32]) -> NDArray[np.int8]:
    """Levels [rows, blocks] that come to at least the wanted scales in size, with their sign."""
    exact = np.abs(wanted.astype(np.float64)) / steps
    lowest = np.ceil(SMALLEST / steps.astype(np.float64))
    levels = np.minimum(np.maximum(np.ceil(exact), lowest), HIGHEST)
    return np.where(wanted < 0, -levels, levels).astype(np.int8)


def scales_for(wanted: NDArray[np.float32]) -> Scales:
    """Scales [rows, blocks] of at least the wanted sizes, as near as they can be stored."""
    steps = steps_for(np.abs(wanted).max(axis=1))
    return Scales(levels=levels_for(wanted, steps), steps=steps)
