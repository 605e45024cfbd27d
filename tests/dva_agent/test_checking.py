"""What the server accepts, and what an agent doesn't send: each score by itself, however it is
looked at."""

from __future__ import annotations

import math

import pytest
from dva_agent.checking import check_result
from dva_agent.discovery import AGENTS
from dva_agent.errors import MessageError
from dva_agent.protocol import Column, PairStatus, Result, pack_scores, unpack_scores
from hypothesis import example, given
from hypothesis import strategies as st

DVA = AGENTS["dva"].columns
STATISTICS = AGENTS["caption-statistics"].columns
"""Several columns, one of them of words."""
BOTH_INFINITE = [math.inf, -math.inf]

odd = st.sampled_from([math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-45, 0.5, -1.0, 2.0, 1e6])


def result(statuses: bytes, scores: list[float]) -> Result:
    return Result(
        lease="0" * 32,
        bundle="0" * 32,
        rung="wasm",
        device_class="made up",
        statuses=statuses,
        scores=pack_scores(scores),
        signature=bytes(64),
    )


def told(posted: Result, pairs: int, columns: tuple[Column, ...]) -> str:
    """The code of the refusal; empty if there is none."""
    try:
        check_result(posted, pairs, columns)
    except MessageError as error:
        return error.code
    return ""


def expected(posted: Result, columns: tuple[Column, ...]) -> str:
    """By docs/protocol.md, one score after the other."""
    scores = iter(unpack_scores(posted.scores))
    for status in posted.statuses:
        if status not in set(PairStatus):
            return "status_unknown"
        for column in columns:
            score = next(scores)
            if not math.isfinite(score):
                return "score_not_finite"
            if status != PairStatus.SCORED and score != 0:
                return "score_unexpected"
            if status == PairStatus.SCORED and not column.holds(score):
                return "score_out_of_range"
    return ""


@st.composite
def posted_results(draw: st.DrawFn, columns: tuple[Column, ...]) -> Result:
    """Most of them are as they should be."""
    pairs = draw(st.integers(0, 6))
    statuses = draw(st.just(bytes(pairs)) | st.binary(min_size=pairs, max_size=pairs))
    scores = []
    for column in columns * pairs:
        right = st.floats(column.minimum, column.maximum, width=32)
        words = st.integers(0, len(column.labels) - 1).map(float) if column.labels else right
        scores.append(draw(st.one_of(words, words, words, odd)))
    return result(statuses, scores)


@given(posted_results(DVA))
@example(result(bytes(2), BOTH_INFINITE))
@example(result(bytes(3), [0.5, math.nan, -0.5]))
@example(result(b"", []))
def test_one_column(posted: Result) -> None:
    assert told(posted, len(posted.statuses), DVA) == expected(posted, DVA)


@given(posted_results(STATISTICS))
def test_several_columns(posted: Result) -> None:
    assert told(posted, len(posted.statuses), STATISTICS) == expected(posted, STATISTICS)


def test_words_are_whole_numbers() -> None:
    """Between the least and the largest there is one that is none."""
    words = (next(column for column in STATISTICS if column.labels),)
    assert told(result(bytes(3), [0.0, 1.0, 2.0]), 3, words) == ""
    assert told(result(bytes(3), [0.0, 0.5, 2.0]), 3, words) == "score_out_of_range"


@pytest.mark.parametrize(("statuses", "scores"), [(2, 1), (1, 2), (0, 1), (2, 3)])
def test_a_score_and_a_status_for_each_pair(statuses: int, scores: int) -> None:
    assert told(result(bytes(statuses), [0.0] * scores), 2, DVA) == "score_count_wrong"
