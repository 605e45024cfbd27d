"""How well scores tell right pairs from wrong ones, and find the right one among many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]


def auc(right: Scores, wrong: Scores) -> float:
    """The chance that a right pair scores above a wrong one; a tie counts half.

    Two arrays of any shape. Raises ValueError if either is empty or holds a NaN.
    """
    right, wrong = np.ravel(right), np.sort(wrong, axis=None)
    if not (right.size and wrong.size) or np.isnan(right).any() or np.isnan(wrong).any():
        raise ValueError("AUC needs scores on both sides, and no NaN among them.")
    below = np.searchsorted(wrong, right, side="left")
    up_to = np.searchsorted(wrong, right, side="right")
    return float((below + up_to).sum() / (2 * right.size * wrong.size))


def recall_at(similarities: Scores, k: int) -> float:
    """[n, n], right on the diagonal -> the share of rows whose own column is among the k highest.
    A tie counts against it."""
    own = np.diagonal(similarities)[:, None]
    better = (similarities >= own).sum(axis=1) - 1
    return float((better < k).mean())


def precision_at(scores: Scores, labels: NDArray[np.bool_], fraction: float) -> float:
    """The share of right pairs among the highest-scoring `fraction`, int(n * fraction) of them;
    of equal scores the earlier ones are taken. Raises ValueError if that is none."""
    count = int(len(scores) * fraction)
    if count == 0:
        raise ValueError(f"{fraction} of {len(scores)} pairs is none.")
    return float(labels[np.argsort(-scores, kind="stable")[:count]].mean())
