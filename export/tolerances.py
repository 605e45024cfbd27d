"""How far each rung may be from the golden values, from what is measured.

The golden pairs are run under every execution plan that a rung may use on the same weights. In fp32
plans differ by the order of sums. In fp16 they differ by where numbers are rounded, so there the
distance between fp16 and fp32 is the measure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dva_agent.bundle import Arithmetic, Tolerance

from export.errors import BundleRefused
from export.expected import PLANS, Expected, Plan, Towers, embeddings
from export.reference import Inputs, scores
from export.variants import Variant

MARGIN = 64
"""A rung may stray this many times as far as native plans stray from each other: GPUs add in
other orders, fuse multiply-adds and approximate exp and erf, each worth a few times 1e-7."""
SMALLEST = 1e-4
"""Below this a tolerance would only catch rounding; scores that matter differ by far more."""
LARGEST = 1e-3
"""A bundle that needs more in fp32 can't be audited: it is refused."""
HALF_MARGIN = 12
"""Native fp16 rounds between operators, a GPU within them too, at each step of a sum: on lavapipe a
tower of 12 blocks of width 768 strayed 9.6 times as far from native fp16 as that is from fp32."""
HALF_SMALLEST = 1e-3
"""Two units in the last place of an fp16 number near 1."""
HALF_LARGEST = 5e-4
"""How far native fp16 may be from native fp32. Further, and fp16 is left out of a bundle."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Largest absolute differences from the expected values."""

    embedding: float
    score: float

    @classmethod
    def between(cls, found: Expected, golden: Expected) -> Spread:
        return cls(
            embedding=float(
                np.abs(np.stack((found.images - golden.images, found.texts - golden.texts))).max()
            ),
            score=float(np.abs(found.scores - golden.scores).max()),
        )

    @classmethod
    def worst(cls, spreads: Iterable[Spread]) -> Spread:
        every = list(spreads)
        return cls(  # by numpy: a NaN is worse than anything
            embedding=float(np.max([each.embedding for each in every])),
            score=float(np.max([each.score for each in every])),
        )

    @property
    def largest(self) -> float:
        return float(np.max([self.embedding, self.score]))


def tolerances(
    folder: Path,
    variants: Iterable[Variant],
    inputs: Inputs,
    golden: dict[Arithmetic, Expected],
) -> dict[Variant, Tolerance]:
    """Of each variant that can be told right from wrong; fp16 may not be. Raises BundleRefused if
    fp32 isn't."""
    found = {}
    for variant in variants:
        if variant.arithmetic not in golden:
            continue
        spread = measure_spread(folder, variant, inputs, golden[variant.arithmetic])
        if variant.arithmetic == "f32":
            found[variant] = tolerance(spread)
            continue
        apart = Spread.between(golden["f16"], golden["f32"])
        allowed = half_tolerance(Spread.worst((spread, apart)))
        if allowed is not None:
            found[variant] = allowed
    return found


def measure_spread(folder: Path, variant: Variant, inputs: Inputs, golden: Expected) -> Spread:
    """Run every second golden pair under each of `PLANS`."""
    some = Inputs(pixels=inputs.pixels[::2], ids=inputs.ids[::2])
    half = Expected(images=golden.images[::2], texts=golden.texts[::2], scores=golden.scores[::2])
    return Spread.worst(Spread.between(_under(plan, folder, variant, some), half) for plan in PLANS)


def _under(plan: Plan, folder: Path, variant: Variant, inputs: Inputs) -> Expected:
    towers = Towers(folder, variant=variant, optimised=plan.optimised, threads=plan.threads)
    images, texts = embeddings(towers, inputs, size=plan.batch)
    return Expected(images=images, texts=texts, scores=scores(images, texts))


def tolerance(spread: Spread) -> Tolerance:
    """In fp32: `MARGIN` times the spread, rounded up to two digits, within SMALLEST and LARGEST.
    Raises BundleRefused past the latter."""
    if not MARGIN * spread.largest <= LARGEST:
        raise BundleRefused(
            f"Plans differ by {spread.largest:.1e}: too much to tell an honest score from another.",
            next_step="Report it with the checkpoint's name.",
        )
    return Tolerance(
        score=_widened(MARGIN * spread.score, SMALLEST),
        embedding=_widened(MARGIN * spread.embedding, SMALLEST),
        derived=(
            f"{MARGIN} times the largest differences between native execution plans (score "
            f"{spread.score:.1e}, embedding {spread.embedding:.1e}), at least {SMALLEST:g}."
        ),
    )


def half_tolerance(spread: Spread) -> Tolerance | None:
    """In fp16: `HALF_MARGIN` times the spread, at least HALF_SMALLEST; None if the spread is past
    HALF_LARGEST."""
    if not spread.largest <= HALF_LARGEST:
        return None
    return Tolerance(
        score=_widened(HALF_MARGIN * spread.score, HALF_SMALLEST),
        embedding=_widened(HALF_MARGIN * spread.embedding, HALF_SMALLEST),
        derived=(
            f"{HALF_MARGIN} times the largest differences from native fp32, and between "
            f"native execution plans (score {spread.score:.1e}, embedding "
            f"{spread.embedding:.1e}), at least {HALF_SMALLEST:g}."
        ),
    )


def _widened(wanted: float, smallest: float) -> float:
    if wanted <= smallest:
        return smallest
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return round(math.ceil(wanted / step) * step, 9)
