"""The policy of audits: what is drawn, and what is settled by it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.simulation.detection import Manner, career
from server.trust.policy import (
    CONFIRMING_PAIRS,
    FLOOR_RATE,
    LONG_RECORD,
    PROBATION_AUDITS,
    PROBATION_PAIRS,
    RATE,
    TAIL_PAIRS,
    Outcome,
    Standing,
    draw,
    draw_again,
    draw_recheck,
    draw_tail,
    settled,
)

SECRET = b"s" * 32
NEW = Standing(passed=0, posted=0, failed=0)
KNOWN = Standing(passed=PROBATION_AUDITS, posted=0, failed=0)
LONG = Standing(passed=LONG_RECORD, posted=0, failed=0)
digests = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
sizes = st.integers(1, 4096)
outcomes = st.builds(Outcome, waiting=st.booleans(), passed=st.integers(0, 100), tail=st.booleans())


@given(digest=digests, pairs=sizes, standing=st.sampled_from([NEW, KNOWN, LONG]))
def test_a_draw_is_a_few_different_pairs_and_always_the_same(
    digest: str, pairs: int, standing: Standing
) -> None:
    drawn = draw(SECRET, digest, range(pairs), standing)
    assert drawn == draw(SECRET, digest, range(pairs), standing)
    positions = drawn.positions if drawn else ()
    assert list(positions) == sorted(set(positions))
    assert all(0 <= position < pairs for position in positions)
    if standing is NEW:
        assert len(positions) == min(PROBATION_PAIRS, pairs)
    else:
        assert abs(len(positions) - pairs * standing.rate) < 1


def test_who_lacks_the_secret_draws_otherwise() -> None:
    mine, other = (
        draw(SECRET, "0" * 64, range(256), NEW),
        draw(b"t" * 32, "0" * 64, range(256), NEW),
    )
    assert mine is not None
    assert other is not None
    assert mine.positions != other.positions


@pytest.mark.parametrize(("standing", "rate"), [(KNOWN, RATE), (LONG, FLOOR_RATE)])
@pytest.mark.parametrize("pairs", [32, 256, 1000])
def test_as_many_pairs_are_looked_at_as_the_rate_says(
    standing: Standing, rate: float, pairs: int
) -> None:
    rng = random.Random(0)
    draws = [
        draw(SECRET, f"{rng.getrandbits(256):064x}", range(pairs), standing) for _ in range(3000)
    ]
    found = sum(len(drawn.positions) for drawn in draws if drawn) / (3000 * pairs)
    assert found == pytest.approx(rate, rel=0.15)


def test_every_place_is_as_likely_as_any_other() -> None:
    rng = random.Random(1)
    counts = [0] * 64
    for _ in range(4000):
        drawn = draw(SECRET, f"{rng.getrandbits(256):064x}", range(64), NEW)
        assert drawn is not None
        for position in drawn.positions:
            counts[position] += 1
    expected = 4000 * PROBATION_PAIRS / 64
    # The hypergeometric's own deviation is 27: five of them.
    assert all(abs(count - expected) < 140 for count in counts)


def test_failures_make_probation_longer() -> None:
    once = Standing(passed=PROBATION_AUDITS, posted=0, failed=1)
    assert once.is_on_probation
    assert not Standing(passed=2 * PROBATION_AUDITS, posted=0, failed=1).is_on_probation
    assert Standing(passed=63 * PROBATION_AUDITS, posted=0, failed=1000).is_on_probation
    assert not Standing(passed=64 * PROBATION_AUDITS, posted=0, failed=1000).is_on_probation


@given(run=st.lists(st.tuples(digests, st.integers(1, 300)), max_size=90))
def test_a_tail_lies_in_its_run_and_costs_what_was_allowed(run: list[tuple[str, int]]) -> None:
    draws = draw_tail(SECRET, [(digest, range(pairs)) for digest, pairs in run])
    assert len(draws) == len(run)
    for (_, pairs), drawn in zip(run, draws, strict=True):
        assert drawn is None or set(drawn.positions) <= set(range(pairs))
    count = sum(len(drawn.positions) for drawn in draws if drawn)
    assert count == min(TAIL_PAIRS, sum(pairs for _, pairs in run))


def test_a_tail_looks_most_at_what_nobody_follows() -> None:
    """The k-th newest result gets a k-th of what the newest gets."""
    run = [(f"{number:064x}", 256) for number in range(45)]
    harmonic = sum(1 / place for place in range(1, 46))
    counts = [0] * 45
    for number in range(200):
        draws = draw_tail(
            number.to_bytes(32, "big"), [(digest, range(pairs)) for digest, pairs in run]
        )
        for place, drawn in enumerate(reversed(draws)):
            counts[place] += len(drawn.positions) if drawn else 0
    for place, count in enumerate(counts, start=1):
        # A part of a pair is drawn or isn't: five deviations of that.
        assert abs(count / 200 - TAIL_PAIRS / harmonic / place) < 5 * 0.5 / 200**0.5


@given(digest=digests, pairs=st.integers(1, 200), data=st.data())
def test_looking_again_never_looks_at_the_same_pair(
    digest: str, pairs: int, data: st.DataObject
) -> None:
    taken = data.draw(st.sets(st.integers(0, pairs - 1)))
    for further in (draw_again, draw_recheck):
        drawn = further(SECRET, digest, range(pairs), sorted(taken))
        assert (drawn is None) == (len(taken) == pairs)
        assert drawn is None or not taken & set(drawn.positions)


@given(run=st.lists(outcomes, max_size=30))
def test_what_is_settled_is_the_oldest_part_with_enough_evidence(run: list[Outcome]) -> None:
    count = settled(run)
    assert 0 <= count <= len(run)
    assert not any(outcome.waiting for outcome in run[:count])
    for index in range(count):
        evidence = sum(outcome.passed for outcome in run[index:])
        assert evidence >= CONFIRMING_PAIRS or any(outcome.tail for outcome in run[index:])
    if count < len(run) and not run[count].waiting:
        assert sum(outcome.passed for outcome in run[count:]) < CONFIRMING_PAIRS
        assert not any(outcome.tail for outcome in run[count:])


@given(run=st.lists(outcomes, max_size=30), passed=st.integers(0, 100))
def test_further_evidence_never_unsettles(run: list[Outcome], passed: int) -> None:
    later = Outcome(waiting=False, passed=passed, tail=False)
    assert settled([*run, later]) >= settled(run)


@pytest.mark.parametrize(
    ("share", "manner", "most"),
    [
        (0.05, "part of each", 0.05),
        (0.1, "part of each", 0.01),
        (0.5, "part of each", 0.01),
        (0.05, "whole results", 0.05),
        (0.1, "whole results", 0.01),
        (0.05, "called broken", 0.05),
        (0.1, "called broken", 0.01),
    ],
)
def test_little_of_what_is_made_up_is_confirmed(share: float, manner: Manner, most: float) -> None:
    rng = random.Random(2)
    lived = [career(rng, share=share, manner=manner) for _ in range(400)]
    assert all(each.caught for each in lived)
    assert sum(e.confirmed for e in lived) <= most * sum(e.made_up for e in lived)


def test_leaving_brings_little() -> None:
    """Who makes up a tenth of the last results of a visit, up to forty of them."""
    rng = random.Random(4)
    lived = [
        career(rng, share=0.1, manner="part of each", honest=100, turned=rng.randint(1, 40))
        for _ in range(1000)
    ]
    assert sum(each.confirmed for each in lived) <= 0.01 * sum(each.made_up for each in lived)


def test_an_honest_device_is_confirmed_whole_for_less_than_a_hundredth() -> None:
    lived = career(random.Random(3), share=0.0, manner="part of each", honest=2000, turned=0)
    assert not lived.caught
    assert lived.recomputed < lived.posted_pairs / 100
