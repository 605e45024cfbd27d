"""AUC, recall and precision, on arrays small enough to check by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.demo.metrics import auc, precision_at, recall_at

scores = st.lists(st.integers(-5, 5), min_size=1, max_size=30).map(
    lambda values: np.array(values, dtype=np.float32)
)


def test_auc_by_hand() -> None:
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert auc(np.array([1.0]), np.array([2.0, 3.0])) == 0.0
    assert auc(np.array([2.0]), np.array([1.0, 2.0, 3.0, 2.0])) == 0.5
    assert auc(np.array([[1.0], [4.0]]), np.array([[2.0, 3.0]])) == 0.5


@given(scores, scores)
def test_auc_is_the_chance_of_the_right_order(right: np.ndarray, wrong: np.ndarray) -> None:
    wins = sum(1.0 if r > w else 0.5 if r == w else 0.0 for r in right for w in wrong)
    assert auc(right, wrong) == pytest.approx(wins / (len(right) * len(wrong)))


@given(scores, scores)
def test_auc_turns_round(right: np.ndarray, wrong: np.ndarray) -> None:
    assert auc(right, wrong) == pytest.approx(1 - auc(wrong, right))


def test_auc_refuses_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="both sides"):
        auc(np.array([]), np.array([1.0]))
    with pytest.raises(ValueError, match="NaN"):
        auc(np.array([1.0]), np.array([np.nan, 1.0]))


def test_recall_counts_ties_against_it() -> None:
    similarities = np.array(
        [
            [0.9, 0.1, 0.2],  # first
            [0.8, 0.5, 0.1],  # second
            [0.3, 0.3, 0.3],  # tied with both others: third
        ]
    )
    assert recall_at(similarities, 1) == pytest.approx(1 / 3)
    assert recall_at(similarities, 2) == pytest.approx(2 / 3)
    assert recall_at(similarities, 3) == 1.0


def test_precision_takes_the_top() -> None:
    ranked = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    labels = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    shuffled = np.random.default_rng(0).permutation(10)
    for order in (np.arange(10), shuffled):
        assert precision_at(ranked[order], labels[order], 0.1) == 1.0
        assert precision_at(ranked[order], labels[order], 0.3) == pytest.approx(2 / 3)
        assert precision_at(ranked[order], labels[order], 1.0) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="none"):
        precision_at(ranked, labels, 0.05)
