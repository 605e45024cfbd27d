"""Whether a rung computes the golden pairs rightly. Pure."""

from __future__ import annotations

import numpy as np
from dva_agent.bundle import GoldenSet, RungSpec


def is_right(spec: RungSpec, golden: GoldenSet, scores: bytes) -> bool:
    """`scores`: float32, one for each golden pair, in their order. Each within what the rung may
    differ by; a number that isn't finite is not."""
    true = np.array([pair.expected[spec.arithmetic].score for pair in golden.pairs])
    if len(scores) != 4 * len(true):
        return False
    found = np.frombuffer(scores, "<f4").astype(np.float64)
    return bool((np.abs(found - true) <= spec.tolerance.score).all())
