"""Ranked pairs against NumPy's own sort, and cuts against DataComp's rule."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import SelectionError
from server.selection.cut import Cut
from server.workbench import line
from server.workbench.ranking import BINS, Writer, bins_of, runs, score_of
from tests.server.ranked import ranking, records

TIES = [-1.0, -0.5, -0.0, 0.0, 0.25, 0.25000001, 1.0]
SCORES = st.lists(
    st.one_of(st.sampled_from(TIES), st.floats(-1, 1, width=32)), min_size=0, max_size=40
)


@settings(max_examples=40, deadline=None)
@given(a=SCORES, b=SCORES)
def test_a_ranking_is_sorted_and_loses_nothing(a: list[float], b: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scores = a + b
        found = ranking(Path(folder), scores)
        assert not list(Path(folder).glob("*.arrived"))
        assert np.array_equal(found.records["score"], np.sort(np.array(scores, "f4")))
        assert sorted(found.records["low"].tolist()) == list(range(len(scores)))
        assert (
            np.array(scores, "f4")[found.records["low"].astype(int)] == found.records["score"]
        ).all()
        assert found.counts.sum() == len(scores)
        for value in TIES:
            assert found.below(np.float32(value)) == (np.array(scores, "f4") < value).sum()


@settings(max_examples=40, deadline=None)
@given(a=SCORES, b=SCORES, share=st.floats(0.01, 1), value=st.floats(-1, 1, width=32))
def test_a_cut_is_where_datacomp_would_make_it(
    a: list[float], b: list[float], share: float, value: float
) -> None:
    """Of two rankings together, as confirmed and pending are."""
    scores = np.array(a + b, "f4")
    if not len(scores):
        return
    with tempfile.TemporaryDirectory() as folder:
        both = [ranking(Path(folder), a, name="a"), ranking(Path(folder), b, name="b")]
        top = line.find(both, Cut(rule="top", value=share))
        expected = np.sort(scores)[::-1][min(int(len(scores) * share), len(scores) - 1)]
        assert top.threshold == expected
        assert top.members == (scores >= expected).sum()
        assert top.at_threshold == (scores == expected).sum()
        at = line.find(both, Cut(rule="threshold", value=value))
        assert (at.scored, at.members) == (len(scores), (scores >= np.float32(value)).sum())
        last = line.find(both, Cut(rule="count", value=len(scores)))
        assert (last.threshold, last.members) == (scores.min(), len(scores))
        with pytest.raises(SelectionError, match="Only"):
            line.find(both, Cut(rule="count", value=len(scores) + 1))

        near = line.above(both, value, 0, 4)["score"]
        assert near.tolist() == np.sort(scores[scores >= np.float32(value)])[:4].tolist()
        under = line.below(both, value, 1, 3)["score"]
        falling = np.sort(scores[scores < np.float32(value)])[::-1]
        assert under.tolist() == falling[3:6].tolist()
        over = line.across(both, 3, 5)
        assert len(over) <= 5
        assert (np.diff(over["score"]) <= 0).all()


def test_nothing_ranks_as_nothing(tmp_path: Path) -> None:
    empty = ranking(tmp_path, [])
    with pytest.raises(SelectionError, match="No pair has a score"):
        line.find([empty], Cut(rule="top", value=0.1))
    assert len(line.across([empty], 0, 12)) == len(line.above([empty], 0, 0, 12)) == 0
    assert line.bars(line.counts([empty]), 100) == (0, BINS)


def test_pages_of_the_whole_range_are_of_other_pairs(tmp_path: Path) -> None:
    found = ranking(tmp_path, np.linspace(-1, 1, 500).tolist(), room=64, part=50)
    pages = [set(line.across([found], page, 12)["low"].tolist()) for page in range(5)]
    assert all(len(page) == 12 for page in pages)
    assert len(set().union(*pages)) == 60


def test_a_run_is_no_longer_than_there_is_room_for() -> None:
    counts = np.zeros(BINS, np.int64)
    counts[[3, 4, 9, 20]] = (4, 3, 100, 2)
    starts = np.concatenate(([0], np.cumsum(counts)))
    edges = runs(starts, 8)
    assert edges[0] == 0
    assert edges[-1] == BINS
    assert (np.diff(edges) > 0).all()
    # Only the bin that holds more than that by itself.
    assert np.diff(starts[edges]).tolist() == [7, 100, 2]


def test_bars_cover_what_is_used_and_keep_their_places() -> None:
    counted = np.zeros(BINS, np.int64)
    low, high = bins_of(np.array([-0.2, 0.47], "f4")).tolist()
    counted[[low, high]] = 1
    first, width = line.bars(counted, 100)
    assert first % width == 0
    assert first <= low
    assert high < first + 100 * width
    assert high >= first + 50 * width
    assert score_of(bins_of(np.array([1.0], "f4"))[0]) == 1.0


def test_sorting_says_all_along_that_it_goes_on(tmp_path: Path) -> None:
    """For each part that is dealt out, and for each run that is sorted."""
    writer = Writer(tmp_path, "x", room=5)
    writer.add(records([number / 40 for number in range(40)]))
    said: list[None] = []
    writer.finish(lambda: said.append(None))
    assert len(said) == 8 + 8
