"""Working a share of the time."""

from __future__ import annotations

import asyncio

import pytest
from dva_agent.events import Batch
from dva_agent.holdings import CHECK_S
from dva_agent.pace import LONGEST_REST_S, MIN_SHARE, Pace, rest_after
from dva_agent.runner import Runner
from hypothesis import given
from hypothesis import strategies as st

from tests.dva_agent.runs import is_complete
from tests.dva_agent.world import World

Seconds = st.floats(min_value=0, max_value=3600)
Share = st.floats(min_value=MIN_SHARE, max_value=1)


@given(busy=Seconds, share=Share)
def test_a_rest_makes_work_the_share_of_the_whole(busy: float, share: float) -> None:
    rest = rest_after(busy, share)
    assert 0 <= rest <= LONGEST_REST_S
    if rest < LONGEST_REST_S:
        assert busy == pytest.approx(share * (busy + rest))


@given(
    busy=st.floats(allow_nan=False, max_value=3600),
    share=st.floats(min_value=-1, max_value=MIN_SHARE),
)
def test_no_share_is_too_small_and_no_clock_that_went_back_counts(
    busy: float, share: float
) -> None:
    assert rest_after(busy, share) == rest_after(max(0, busy), MIN_SHARE)


class Watch:
    """A clock that stands still but for sleeps and `passes`."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def chance(self) -> float:
        return 0.5


def test_only_time_with_the_turn_is_work() -> None:
    async def go() -> list[float]:
        watch = Watch()
        pace = Pace(watch)
        pace.set(0.25)
        lock = asyncio.Lock()
        assert await pace.rest() == 0.0
        for _ in range(2):
            watch.time += 50
            async with pace.watched(lock):
                assert lock.locked()
                for _ in range(2):
                    watch.time += 1
                    assert await pace.rest() == pytest.approx(3)
            watch.time += 50
            assert not lock.locked()
            assert await pace.rest() == 0.0
        return watch.slept

    assert asyncio.run(go()) == [pytest.approx(3)] * 4


def test_a_new_pace_ends_the_rest() -> None:
    class Endless(Watch):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    async def go() -> None:
        watch = Endless()
        pace = Pace(watch)
        pace.set(0.5)
        async with pace.watched(asyncio.Lock()):
            watch.time += 1
            resting = asyncio.ensure_future(pace.rest())
            await asyncio.sleep(0)
            assert not resting.done()
            pace.set(1.0)
            await asyncio.wait_for(resting, 5)
            watch.time += 1
            assert await pace.rest() == 0.0

    asyncio.run(go())


def rests(here: World, share: float) -> int:
    """How often a whole run slept: neither between two looks at its leases nor for more work."""

    async def go(runner: Runner) -> None:
        runner.pace(share)
        await runner.run()

    asyncio.run(go(here.runner()))
    assert is_complete(here)
    return sum(seconds <= LONGEST_REST_S and seconds != CHECK_S for seconds in here.clock.slept)


def test_a_whole_run_rests_between_batches(here: World) -> None:
    assert rests(here, 0.25) >= len(here.of(Batch))


def test_at_full_nothing_rests(here: World) -> None:
    assert rests(here, 1.0) == 0
