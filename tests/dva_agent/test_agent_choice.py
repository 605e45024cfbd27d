"""Who works on what: the server's pools name the agent, and not every agent has all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dva_agent.discovery import AGENTS, gather
from dva_agent.errors import AgentMissing
from dva_agent.events import StateChanged, UnitDropped, UnitStarted, Waiting
from dva_agent.runner import Runner

from tests.dva_agent.runs import meddled, run
from tests.dva_agent.world import UNITS, World, take_in

ONLY_DVA = gather([AGENTS["dva"]])


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent from before captions were counted."""
    monkeypatch.setattr("dva_agent.assembly.AGENTS", ONLY_DVA)


@pytest.mark.usefixtures("older")
def test_a_terminal_says_that_it_lacks_the_agent(counting: World) -> None:
    with pytest.raises(AgentMissing) as caught:
        run(counting)
    assert caught.value.code == "no_agent"
    assert "Update" in caught.value.next_step
    assert counting.engines == []
    assert not counting.of(UnitStarted)


@pytest.mark.usefixtures("older")
def test_a_tab_waits_and_says_why(counting: World) -> None:
    """There may be work for it tomorrow."""

    def stop(runner: Runner) -> None:
        runner.stop(finish=True)

    assert meddled(counting, Waiting, stop, until_drained=False).units == 0
    assert [event.reason for event in counting.of(Waiting)] == ["no_agent"]
    assert "waiting" in [event.state for event in counting.of(StateChanged)]


@pytest.mark.usefixtures("older")
def test_what_it_can_do_is_done(counting: World, small_pool: Path, demo_bundle: Path) -> None:
    take_in(counting.settings, counting.database, "second", small_pool, demo_bundle, "dva")
    assert run(counting).units == UNITS
    assert {pool.pool: pool.units_done for pool in counting.status().pools} == {
        "test": 0,
        "second": UNITS,
    }


def lose_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has one agent left, and the agent itself both."""
    for place in ("services", "statuses"):
        monkeypatch.setattr(f"server.pools.{place}.AGENTS", ONLY_DVA)


def test_a_server_without_the_agent_hands_nothing_out(
    counting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_other(monkeypatch)
    (pool,) = counting.status().pools
    assert (pool.agent, pool.columns, pool.needs) == ("caption-statistics", [], [])
    with pytest.raises(AgentMissing):
        run(counting)


def test_an_agent_that_the_server_loses_meanwhile(
    counting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(runner: Runner) -> None:
        lose_the_other(monkeypatch)

    with pytest.raises(AgentMissing):
        meddled(counting, UnitStarted, lose)
    # What hasn't been refused yet when the agent learns that there is nothing for it is given back.
    assert counting.of(UnitDropped)
    assert {event.code for event in counting.of(UnitDropped)} <= {"agent_unknown", "stopped"}
    (pool,) = counting.status().pools
    assert (pool.units_done, pool.units_leased) == (0, 0)


def test_arithmetic_that_was_not_asked_for(
    counting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that computes with a model and doesn't say so fails with a sentence."""

    class Sly(type(AGENTS["caption-statistics"])):  # type: ignore[misc]
        async def run(self, unit, engine, watch):  # type: ignore[no-untyped-def]
            return await engine.encode_texts([[1, 2]])

    monkeypatch.setattr("dva_agent.assembly.AGENTS", gather([Sly()]))
    codes: list[str] = []

    def stop(runner: Runner) -> None:
        codes.extend(event.next_step for event in counting.of(UnitDropped))
        runner.stop(finish=False)

    meddled(counting, UnitDropped, stop)
    assert "model" in codes[0]
    assert counting.status().pools[0].units_done == 0
