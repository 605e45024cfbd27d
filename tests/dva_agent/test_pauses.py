"""Runs that are paused or stopped, against the real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dva_agent.answer import Answer
from dva_agent.errors import Unreachable
from dva_agent.events import (
    Batch,
    Event,
    Problem,
    SelfTested,
    StateChanged,
    UnitDropped,
    UnitFinished,
    UnitStarted,
)
from dva_agent.runner import Runner, Summary

from tests.dva_agent.runs import is_complete, meddled, results, run
from tests.dva_agent.world import UNITS, World


def test_a_pause_holds_and_resuming_goes_on(here: World) -> None:
    counts = [-1]

    def pause(runner: Runner) -> None:
        runner.pause()

        async def later() -> None:
            # The batch that is being computed comes to its end.
            while counts[-1] != len(here.of(Batch)):
                counts.append(len(here.of(Batch)))
                await asyncio.sleep(1.5)
            runner.resume()

        here.clock.slept.clear()
        tasks.append(asyncio.ensure_future(later()))

    tasks: list[asyncio.Future[None]] = []
    assert meddled(here, Batch, pause).units == UNITS
    assert is_complete(here)
    assert counts[-1] < len(here.of(Batch))
    assert not here.of(UnitDropped)
    states = [event.state for event in here.of(StateChanged)]
    assert states == ["starting", "testing", "running", "paused", "running", "drained"]


def test_a_long_pause_gives_the_units_back(here: World) -> None:
    def pause(runner: Runner) -> None:
        runner.pause()

        async def later() -> None:
            while here.status().pools[0].units_leased:
                await asyncio.sleep(0.1)
            runner.resume()

        tasks.append(asyncio.ensure_future(later()))

    tasks: list[asyncio.Future[None]] = []
    assert meddled(here, Batch, pause).units == UNITS
    assert is_complete(here)
    assert all(event.abandoned for event in here.of(UnitDropped))
    assert here.of(UnitDropped)


def test_what_is_finished_after_a_pause_takes_its_time(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dva_agent.runner.PAUSE_KEEPS_S", 20.0)
    waited: list[str] = []

    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        if answer is None and url.endswith(".tar") and not waited:
            waited.append(url)
            return Answer(status=503, headers={"retry-after": "80"}, body=b"")
        return None

    def finish(runner: Runner) -> None:
        runner.pause()
        runner.stop(finish=True)

    here.wire.fault = fault
    assert meddled(here, UnitStarted, finish).units >= 1
    assert waited
    assert not here.of(UnitDropped)


def test_a_polite_stop_finishes_what_is_held(here: World) -> None:
    summary = meddled(here, UnitFinished, lambda runner: runner.stop(finish=True))
    assert summary.ending == "stopped"
    assert 1 <= summary.units == len(results(here))
    assert here.status().pools[0].units_leased == 0
    assert not here.of(UnitDropped)


def test_a_hasty_stop_gives_back_what_is_held(here: World) -> None:
    summary = meddled(here, Batch, lambda runner: runner.stop(finish=False))
    assert summary == Summary(units=0, pairs=0, pairs_scored=0, ending="stopped")
    assert results(here) == {}
    assert here.status().pools[0].units_leased == 0
    assert all(event.abandoned for event in here.of(UnitDropped))
    here.on_event = lambda event: None
    assert run(here).units == UNITS
    assert is_complete(here)


def test_a_stop_before_anything_is_leased(here: World) -> None:
    summary = meddled(here, StateChanged, lambda runner: runner.stop(finish=True))
    assert summary.units == 0
    assert here.status().pools[0].units_leased == 0


def test_a_stop_while_the_server_is_away(here: World) -> None:
    def fault(method: str, url: str, answer: Answer | None) -> None:
        raise Unreachable("down")

    here.wire.fault = fault
    assert meddled(here, Problem, lambda runner: runner.stop(finish=True)).ending == "stopped"


def test_states_told_while_paused(here: World) -> None:
    """The page says paused until it is resumed, whatever ends meanwhile."""

    async def go() -> Summary:
        runner = here.runner()

        def on_event(event: Event) -> None:
            if event == StateChanged(state="testing") and not here.of(SelfTested):
                runner.pause()
            elif isinstance(event, SelfTested):
                runner.resume()

        here.on_event = on_event
        return await runner.run()

    assert asyncio.run(go()).units == UNITS
    states = [event.state for event in here.of(StateChanged)]
    assert states == ["starting", "testing", "paused", "testing", "running", "drained"]


@pytest.mark.parametrize("finish", [None, True, False])
def test_a_pause_at_the_start_opens_no_engine(here: World, finish: bool | None) -> None:
    def pause(runner: Runner) -> None:
        runner.pause()

        async def later() -> None:
            await asyncio.sleep(1.0)
            idle = here.wire.requests and not here.engines
            if finish is None:
                runner.resume()
            else:
                runner.stop(finish=finish)
            assert idle

        tasks.append(asyncio.ensure_future(later()))

    tasks: list[asyncio.Future[None]] = []
    summary = meddled(here, StateChanged, pause)
    assert tasks[0].exception() is None
    assert summary.units == (UNITS if finish is None else 0)
    assert finish is not False or here.engines == []


def test_a_pause_before_the_self_test_holds_it_off(here: World) -> None:
    tasks: list[asyncio.Future[None]] = []
    encoded: list[int] = []

    def note(rows: Any) -> Any:
        encoded.append(len(rows))
        return rows

    async def go() -> Summary:
        runner = here.runner()

        async def later() -> None:
            await asyncio.sleep(1.0)
            opened_and_idle = len(here.engines) == 1 and not encoded
            runner.resume()
            assert opened_and_idle

        def fault(method: str, url: str, answer: Answer | None) -> None:
            if answer is None and url.endswith(here.manifest.golden_path):
                runner.pause()
                tasks.append(asyncio.ensure_future(later()))

        here.wire.fault = fault
        here.moods.append(note)
        return await runner.run()

    assert asyncio.run(go()).units == UNITS
    assert tasks[0].exception() is None
