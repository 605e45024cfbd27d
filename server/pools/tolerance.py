"""How far an honest score may be from the trusted one, for a bundle, and whether that is little
enough to tell made-up scores from true ones. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from dva_agent.bundle import REFERENCE_RUNG, GoldenSet, Manifest
from dva_agent.errors import BundleError

REJECT_FACTOR = 4.0
"""Between `accept` and so many times it, more pairs are looked at."""
LUCK = 0.1
"""The largest share of true scores that a guess may hit by chance. docs/trust.md counts a made-up
score as seen with a probability of 1 - LUCK at least."""


class BundleUnauditable(BundleError):
    """Who makes scores up for this bundle couldn't be told from who computes them."""

    default_code = "bundle_unauditable"
    default_next_step = "Export it with weights whose rungs stay closer to each other."


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Absolute differences of a score. Up to `accept` it is arithmetic; past `reject` it never is.
    `bias` is the same for the mean of many signed differences."""

    accept: float
    reject: float
    bias: float


def tolerance_of(manifest: Manifest, golden: GoldenSet) -> Tolerance:
    """One for all of a bundle's rungs, the widest that any needs: which rung it was is only what a
    device says. Raises BundleUnauditable where the best constant guess would lie within `reject` of
    more than LUCK of true scores, of which the golden pairs' are a sample."""
    accept = max(spec.tolerance.score for spec in manifest.rungs.values())
    reject = REJECT_FACTOR * accept
    arithmetic = manifest.rung(REFERENCE_RUNG).arithmetic
    scores = [pair.expected[arithmetic].score for pair in golden.pairs]
    luck = luck_of_a_guess(scores, reject)
    if not luck <= LUCK:
        raise BundleUnauditable(
            f"{manifest.name}: a guess would be within {reject:.2g} of a true score {luck:.0%} of "
            f"the time, and no more than {LUCK:.0%} can be told from an honest device."
        )
    return Tolerance(accept=accept, reject=reject, bias=accept / 2)


def luck_of_a_guess(scores: list[float], reject: float) -> float:
    """How often the best constant lies within `reject` of a true score, as if these were normally
    distributed: a count among a few dozen would be coarse. The spread is taken between quantiles,
    so that a few outliers don't make it large."""
    low, high = np.quantile(scores, (0.16, 0.84))
    sigma = float(high - low) / 2
    if not sigma > 0:
        return 1.0
    return min(1.0, 2 * reject / (sigma * float(np.sqrt(2 * np.pi))))
