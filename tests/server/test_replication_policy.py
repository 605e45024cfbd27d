"""Replication's decisions alone: who is believed, who is given a copy, who is right."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from dva_agent.bundle import Manifest
from dva_agent.discovery import AGENTS
from dva_agent.protocol import PairStatus
from hypothesis import given
from hypothesis import strategies as st

from server.pools import bundles
from server.results.services import Result
from server.trust.noise import Noise, recorded
from server.trust.replication import policy
from server.trust.replication.agreement import agree
from server.trust.replication.policy import Decision, Undecided, decide
from server.work.copies import OPENING, PATIENCE, is_drawn

DEMO = Path(__file__).parents[2] / "static" / "models" / "demo-q8"
ENGINES = [noise for noise in recorded() if noise.bundle == "demo-q8"]
PAIRS = 256


def test_a_long_record_is_believed_more_often_and_never_always() -> None:
    assert [policy.chance_of_copy(agreed) for agreed in (0, 9)] == [1, 1]
    assert policy.chance_of_copy(10) == 0.1
    assert policy.chance_of_copy(25) == 0.04
    assert policy.chance_of_copy(1_000_000) == policy.LEAST
    asked = [policy.wants_copy(b"secret", f"{number:064x}", 20) for number in range(4000)]
    assert 0.03 < sum(asked) / len(asked) < 0.07
    again = [policy.wants_copy(b"secret", f"{number:064x}", 20) for number in range(4000)]
    other = [policy.wants_copy(b"another", f"{number:064x}", 20) for number in range(4000)]
    assert asked == again != other


@given(st.lists(st.integers(0, 2), min_size=2, max_size=policy.MOST_COPIES))
def test_more_than_half_are_right_and_nobody_else(said: list[int]) -> None:
    """What each result says, by a number."""
    found = decide(len(said), lambda one, other: said[one] == said[other])
    most = max(set(said), key=said.count)
    if 2 * said.count(most) > len(said):
        right = tuple(index for index, each in enumerate(said) if each == most)
        wrong = tuple(index for index, each in enumerate(said) if each != most)
        assert found == Decision(right=right, wrong=wrong)
    else:
        assert found == Undecided(hopeless=len(said) == policy.MOST_COPIES)


def test_who_agrees_with_one_in_the_middle_is_right() -> None:
    """Two at the ends of what is tolerated, and one between them."""
    values = [0.0, 1.9, 1.0]
    found = decide(3, lambda one, other: abs(values[one] - values[other]) <= 1)
    assert found == Decision(right=(0, 1, 2), wrong=())


def test_the_lowest_lot_comes_first_however_often_others_ask() -> None:
    networks = [f"network {number}" for number in range(20)]
    first: dict[str, int] = dict.fromkeys(networks, 0)
    for number in range(400):
        seed = number.to_bytes(4, "big")
        assert not any(is_drawn(seed, each, timedelta(0), 20) for each in networks)
        assert all(is_drawn(seed, each, 20 * PATIENCE, 20) for each in networks)
        assert all(is_drawn(seed, each, OPENING, 1) for each in networks)
        waited = timedelta(0)
        while not any(is_drawn(seed, each, waited, 20) for each in networks):
            waited += timedelta(seconds=1)
        for each in networks:
            first[each] += is_drawn(seed, each, waited, 20)
    # A twentieth each, and now and then two within a second.
    assert 2 < min(first.values()) <= max(first.values()) < 45


@pytest.fixture(scope="module")
def demo() -> Manifest:
    return bundles.read(DEMO)


def posted(scores: np.ndarray, rung: str, statuses: bytes | None = None) -> Result:
    packed = scores.astype("<f4").tobytes()
    return Result(rung=rung, scores=packed, statuses=statuses or bytes(len(scores)))


def made_by(noise: Noise, truth: np.ndarray) -> np.ndarray:
    return truth + np.resize(noise.differences, len(truth))


def test_honest_engines_agree(demo: Manifest) -> None:
    truth = max(ENGINES, key=lambda noise: len(noise.truth)).truth[:PAIRS]
    results = [posted(made_by(noise, truth), noise.rung) for noise in ENGINES]
    for one, other in combinations(results, 2):
        assert agree(AGENTS["dva"], demo, one, other), (one.rung, other.rung)


@pytest.mark.parametrize("rung", ["native", "webgpu-f16", "unheard-of"])
def test_whoever_makes_up_a_part_disagrees(rung: str, demo: Manifest) -> None:
    truth = max(ENGINES, key=lambda noise: len(noise.truth)).truth[:PAIRS]
    lazy = truth.copy()
    lazy[::16] = truth.mean()
    assert not agree(AGENTS["dva"], demo, posted(truth, "native"), posted(lazy, rung))


def test_what_is_withheld_from_one_isnt_compared(demo: Manifest) -> None:
    truth = max(ENGINES, key=lambda noise: len(noise.truth)).truth[:PAIRS]
    hidden = truth.copy()
    hidden[3] = 0
    statuses = bytearray(PAIRS)
    statuses[3] = PairStatus.WITHHELD
    dva, first = AGENTS["dva"], posted(truth, "native")
    second = posted(hidden, "native", bytes(statuses))
    assert agree(dva, demo, first, second)
    assert agree(dva, demo, second, first)
    statuses[3] = PairStatus.CAPTION_MISSING
    assert not agree(dva, demo, first, posted(hidden, "native", bytes(statuses)))
