"""The grader's measures against their definitions, and the grader over a pool that was worked
off."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from dva_agent.protocol import PairStatus, pack_scores
from hypothesis import given
from hypothesis import strategies as st

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools.services import truth_path
from server.selection.grade import auc, graded, measures, precision, report
from tests.server.api import Api, result_for
from tests.server.pool_factory import uid
from tests.server.truth import write_truth

few_scores = st.lists(st.sampled_from([-0.5, 0.0, 0.1, 0.2, 0.3]), min_size=1, max_size=30)


def floats(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


@given(right=few_scores, wrong=few_scores)
def test_auc_is_the_share_of_pairs_in_order(right: list[float], wrong: list[float]) -> None:
    wins = sum((a > b) + (a == b) / 2 for a, b in itertools.product(right, wrong))
    assert auc(floats(right), floats(wrong)) == pytest.approx(wins / len(right) / len(wrong))


def test_auc_by_hand() -> None:
    assert auc(floats([0.9, 0.8]), floats([0.1])) == 1
    assert auc(floats([0.1]), floats([0.9, 0.8])) == 0
    assert auc(floats([0.5, 0.5]), floats([0.5])) == 0.5
    assert auc(floats([0.1, 0.5, 0.9]), floats([0.5, 0.2])) == pytest.approx((0 + 1.5 + 2) / 6)
    assert auc(floats([]), floats([0.5])) is None
    assert auc(floats([0.5]), floats([])) is None


@given(scores=few_scores, percent=st.sampled_from([10, 20, 30, 100]))
def test_precision_is_the_share_right_at_or_above_the_nth_score(
    scores: list[float], percent: int
) -> None:
    labels = [index % 3 == 0 for index in range(len(scores))]
    count = max(1, len(scores) * percent // 100)
    threshold = sorted(scores, reverse=True)[count - 1]
    kept = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
    assert len(kept) >= count
    assert precision(floats(scores), np.array(labels), percent) == sum(kept) / len(kept)


def test_precision_by_hand() -> None:
    scores = floats([0.1 * number for number in range(10)])
    right = np.array([False] * 7 + [True, False, True])
    assert precision(scores, right, 10) == 1
    assert precision(scores, right, 20) == 0.5
    assert precision(scores, right, 30) == pytest.approx(2 / 3)
    tied = floats([0.5] * 10)
    assert precision(tied, right, 10) == 0.2
    assert precision(floats([]), np.array([], dtype=bool), 10) is None


def test_each_wrong_kind_is_measured_by_itself() -> None:
    kinds = np.array(["true", "mojibake", "shuffled", "foreign", "foreign"])
    found = measures(kinds, floats([0.5, 0.4, 0.45, 0.1, 0.2]))
    assert found["auc_by_kind"] == {"foreign": 1.0, "shuffled": 0.5}
    assert found["auc"] == pytest.approx(5 / 6)
    assert found["precision_at_10"] == 1.0


KINDS = ["true", "mojibake", "shuffled", "generic"]


def test_a_pool_is_graded_by_its_stored_scores(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    kinds = {uid(number): KINDS[number % 4] for number in range(16)}
    kinds[uid(15)] = "broken"
    write_truth(truth_path(settings, pool), kinds)
    value = {"true": 0.75, "mojibake": 0.5, "shuffled": 0.625, "generic": 0.125, "broken": 1.0}
    while leases := api.lease().leases:
        [lease] = leases
        scores = [value[kinds[pair.uid]] for pair in lease.pairs]
        statuses = bytes(len(scores))
        if uid(0) in [pair.uid for pair in lease.pairs]:
            scores[0], statuses = 0.0, bytes([PairStatus.IMAGE_BROKEN]) + statuses[1:]
        api.post_result(lease, result_for(lease, scores=pack_scores(scores), statuses=statuses))
    found = report(graded(database, settings, pool=pool))
    assert found["auc_by_kind"] == {"generic": 1.0, "shuffled": pytest.approx(3 / 7)}
    assert found["auc"] == pytest.approx((7 * 3 + 3 * 4) / (7 * 7))
    assert found["precision_at_10"] == 1.0
    assert found["precision_at_20"] == 1.0
    assert found["precision_at_30"] == pytest.approx(3 / 7)
    assert (found["pairs_graded"], found["pairs_scored"], found["pairs_total"]) == (14, 15, 16)


def test_a_pool_without_scores_has_no_measures(
    pool: str, database: Database, settings: Settings
) -> None:
    write_truth(truth_path(settings, pool), {uid(0): "true"})
    found = report(graded(database, settings, pool=pool))
    assert (found["auc"], found["auc_by_kind"], found["precision_at_10"]) == (None, {}, None)
    assert (found["pairs_scored"], found["pairs_total"]) == (0, 16)


def test_a_pool_without_truth(pool: str, database: Database, settings: Settings) -> None:
    with pytest.raises(PoolError) as caught:
        report(graded(database, settings, pool=pool))
    assert caught.value.code == "truth_missing"


def test_truth_that_doesnt_fit(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    api.finish(api.lease().leases[0])
    write_truth(truth_path(settings, pool), {uid(0): "true"})
    with pytest.raises(PoolError) as caught:
        report(graded(database, settings, pool=pool))
    assert caught.value.code == "truth_invalid"
    truth_path(settings, pool).write_bytes(b"no Parquet")
    with pytest.raises(PoolError):
        report(graded(database, settings, pool=pool))
