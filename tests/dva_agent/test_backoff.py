from __future__ import annotations

from dva_agent.backoff import Backoff
from hypothesis import given
from hypothesis import strategies as st

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), chances, st.floats(0, 3600))
def test_never_sooner_than_asked_and_never_past_the_longest(
    attempt: int, chance: float, asked: float
) -> None:
    delay = Backoff().delay(attempt, chance=chance, asked=asked)
    assert delay >= asked
    assert delay <= max(120.0, 1.25 * asked)
    assert delay > 0


@given(st.integers(0, 200), chances)
def test_waits_grow(attempt: int, chance: float) -> None:
    backoff = Backoff()
    assert backoff.delay(attempt + 1, chance=chance) >= backoff.delay(attempt, chance=chance)


@given(st.integers(0, 50), st.floats(1, 3600))
def test_agents_that_were_turned_away_together_come_back_apart(attempt: int, asked: float) -> None:
    backoff = Backoff()
    first = backoff.delay(attempt, chance=0.0, asked=asked)
    last = backoff.delay(attempt, chance=0.99, asked=asked)
    assert last > first
