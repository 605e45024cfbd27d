"""How each agent compares a claimed outcome with the recomputed one."""

from __future__ import annotations

import math

import pytest
from dva_agent.agents.base import DataAgent, PairOutcome, Verdict, is_sound
from dva_agent.bundle import Tolerance
from dva_agent.discovery import AGENTS
from dva_agent.protocol import Column, PairStatus, pack_scores, unpack_scores
from hypothesis import given
from hypothesis import strategies as st

TOLERANCE = Tolerance(score=1e-3, embedding=1e-3, derived="Made up.")
DVA = AGENTS["dva"]
STATISTICS = AGENTS["caption-statistics"]

agents = st.sampled_from(sorted(AGENTS)).map(lambda name: AGENTS[name])
statuses = st.sampled_from(list(PairStatus))
damage = st.sampled_from([math.nan, math.inf, -math.inf, 1e39, -1e-30, 1e6])


def values_of(column: Column) -> st.SearchStrategy[float]:
    if column.labels:
        return st.integers(0, len(column.labels) - 1).map(float)
    return st.floats(column.minimum, column.maximum, width=32)


def outcomes(agent: DataAgent) -> st.SearchStrategy[PairOutcome]:
    """What the agent may say of a pair."""
    scored = st.tuples(*(values_of(column) for column in agent.columns)).map(
        lambda values: PairOutcome(status=PairStatus.SCORED, values=values)
    )
    return scored | statuses.filter(bool).map(lambda status: PairOutcome(status=status))


def one(agent: DataAgent) -> st.SearchStrategy[tuple[DataAgent, PairOutcome]]:
    return st.tuples(st.just(agent), outcomes(agent))


def two(agent: DataAgent) -> st.SearchStrategy[tuple[DataAgent, PairOutcome, PairOutcome]]:
    return st.tuples(st.just(agent), outcomes(agent), outcomes(agent))


def scored(*values: float) -> PairOutcome:
    return PairOutcome(status=PairStatus.SCORED, values=values)


@given(agents.flatmap(one))
def test_the_same_is_accepted(case: tuple[DataAgent, PairOutcome]) -> None:
    agent, outcome = case
    assert is_sound(outcome, agent.columns)
    assert agent.judge(outcome, outcome, TOLERANCE) == Verdict.ACCEPT


@given(agents.flatmap(one))
def test_what_went_through_a_result_is_the_same(case: tuple[DataAgent, PairOutcome]) -> None:
    """The claim is float32, the auditor's own number isn't."""
    agent, outcome = case
    claimed = PairOutcome(
        status=outcome.status, values=tuple(unpack_scores(pack_scores(outcome.values)))
    )
    assert agent.judge(claimed, outcome, TOLERANCE) == Verdict.ACCEPT


@given(agents.flatmap(two))
def test_it_makes_no_difference_who_claims(
    case: tuple[DataAgent, PairOutcome, PairOutcome],
) -> None:
    agent, first, second = case
    assert agent.judge(first, second, TOLERANCE) == agent.judge(second, first, TOLERANCE)


@given(agents.flatmap(one), damage, st.integers(0, 100))
def test_impossible_values_are_never_accepted(
    case: tuple[DataAgent, PairOutcome], value: float, where: int
) -> None:
    agent, outcome = case
    values = list(outcome.values) or [0.0] * len(agent.columns)
    values[where % len(values)] = value
    damaged = scored(*values)
    if is_sound(damaged, agent.columns):
        return
    for claimed, recomputed in ((damaged, outcome), (outcome, damaged), (damaged, damaged)):
        assert agent.judge(claimed, recomputed, TOLERANCE) == Verdict.REJECT


@given(agents.flatmap(one), statuses.filter(bool))
def test_a_score_beside_a_status_or_none_without_one(
    case: tuple[DataAgent, PairOutcome], status: PairStatus
) -> None:
    agent, outcome = case
    both = PairOutcome(status=status, values=(0.0,) * len(agent.columns))
    neither = PairOutcome(status=PairStatus.SCORED)
    for damaged in (both, neither):
        assert not is_sound(damaged, agent.columns)
        assert agent.judge(damaged, outcome, TOLERANCE) == Verdict.REJECT
        assert agent.judge(damaged, damaged, TOLERANCE) == Verdict.REJECT


scores = st.floats(-1, 1)


@given(scores, scores)
def test_dvas_three_bands(claimed: float, recomputed: float) -> None:
    difference = abs(claimed - recomputed)
    expected = (
        Verdict.ACCEPT
        if difference <= 1e-3
        else Verdict.LOOK_AGAIN
        if difference <= 4e-3
        else Verdict.REJECT
    )
    assert DVA.judge(scored(claimed), scored(recomputed), TOLERANCE) == expected


@given(st.floats(0, 8e-3), scores.map(lambda score: score / 2))
def test_dvas_bands_are_wide_as_the_bundle_says(difference: float, score: float) -> None:
    """Twice the tolerance and twice the difference get the same verdict."""
    wide = Tolerance(score=2e-3, embedding=1e-3, derived="Made up.")
    near = abs(difference - 1e-3) < 1e-9 or abs(difference - 4e-3) < 1e-9
    if not near:
        assert DVA.judge(scored(score), scored(score + 2 * difference), wide) == DVA.judge(
            scored(score), scored(score + difference), TOLERANCE
        )


@given(statuses, statuses, scores)
def test_dva_looks_again_only_where_decoders_may_differ(
    claimed: PairStatus, recomputed: PairStatus, score: float
) -> None:
    def outcome(status: PairStatus) -> PairOutcome:
        return PairOutcome(status=status, values=() if status else (score,))

    verdict = DVA.judge(outcome(claimed), outcome(recomputed), TOLERANCE)
    if claimed == recomputed:
        assert verdict == Verdict.ACCEPT
    elif {claimed, recomputed} == {PairStatus.SCORED, PairStatus.IMAGE_BROKEN}:
        assert verdict == Verdict.LOOK_AGAIN
    else:
        assert verdict == Verdict.REJECT


@pytest.mark.parametrize("index", range(len(STATISTICS.columns)))
def test_counting_leaves_no_room(index: int) -> None:
    """However wide the bundle's tolerance: the next float32, or the next label, is another."""
    values = [0.5, 3.0, 2.0, 4.0, 1.0]
    other = values.copy()
    other[index] = 2.0 if STATISTICS.columns[index].labels else values[index] + 2**-20
    wide = Tolerance(score=1.0, embedding=1.0, derived="Made up.")
    assert STATISTICS.judge(scored(*values), scored(*other), wide) == Verdict.REJECT
    status = PairOutcome(status=PairStatus.CAPTION_EMPTY)
    assert STATISTICS.judge(scored(*values), status, wide) == Verdict.REJECT
