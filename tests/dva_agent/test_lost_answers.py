"""Requests that the server carried out, and whose answers never arrived: whatever was granted in
them is asked for again, so that no unit waits for a deadline."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dva_agent.answer import Answer
from dva_agent.bundle import Manifest
from dva_agent.errors import Unreachable
from dva_agent.events import Problem
from dva_agent.runner import IN_FLIGHT, Runner, Summary

from tests.dva_agent.runs import is_complete, leases_granted, meddled, results, run
from tests.dva_agent.world import UNITS, World, world


@pytest.fixture
def here(
    tmp_path: Path, small_pool: Path, demo_bundle: Path, manifest: Manifest
) -> Iterator[World]:
    """Its leases run for longer than any of these runs takes, and the agents' clock doesn't make
    that shorter. A unit that nevertheless waits for a deadline has a second lease then."""
    with world(tmp_path / "data", small_pool, demo_bundle, manifest, lease_seconds=30.0) as made:
        yield made


def lose_first_answers(here: World, *, to: tuple[str, ...], times: int) -> None:
    """The server carries such a request out, and its answer gets lost."""
    lost: Counter[str] = Counter()

    def fault(method: str, url: str, answer: Answer | None) -> None:
        if answer and method == "POST" and url.endswith(to) and lost[url] < times:
            lost[url] += 1
            raise Unreachable("cut off")

    here.wire.fault = fault


def test_lost_answers_are_asked_for_again(here: World) -> None:
    lose_first_answers(here, to=("/result", "/devices"), times=2)
    assert run(here).units == UNITS
    assert is_complete(here)
    assert len(here.of(Problem)) == 2 * (UNITS + 1)


def test_no_unit_waits_for_the_deadline_of_a_lease_whose_grant_got_lost(here: World) -> None:
    lose_first_answers(here, to=("/leases", "/result"), times=3)
    assert run(here).units == UNITS
    assert is_complete(here)
    assert leases_granted(here) == UNITS
    assert {event.code for event in here.of(Problem)} == {"unreachable"}


def test_bytes_that_come_from_nowhere_else_come_from_the_server_itself(here: World) -> None:
    """Another site that it sends to may be down, or not let pages have what it holds."""

    def fault(method: str, url: str, answer: Answer | None) -> None:
        if url.endswith(".tar"):
            raise Unreachable("that site is down")

    here.wire.fault = fault
    assert run(here).units == UNITS
    assert is_complete(here)
    tries = Counter(url.rpartition(".tar")[2] for _, url in here.wire.requests if ".tar" in url)
    assert tries == {"": UNITS, "?here": UNITS}


def test_two_agents_miss_answers_and_share_a_pool(here: World) -> None:
    async def go() -> list[Summary]:
        return list(await asyncio.gather(here.runner().run(), here.runner().run()))

    lose_first_answers(here, to=("/leases", "/result"), times=2)
    summaries = asyncio.run(go())
    assert sum(summary.units for summary in summaries) == UNITS
    assert is_complete(here)
    assert leases_granted(here) == UNITS


def test_a_stop_gives_back_what_a_lost_answer_brought(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent ends before it could ask for the answer again."""
    monkeypatch.setattr("dva_agent.runner.GOODBYE_S", 0.1)

    def fault(method: str, url: str, answer: Answer | None) -> None:
        if answer and url.endswith("/result"):
            raise Unreachable("cut off")

    def stop(runner: Runner) -> None:
        asyncio.get_running_loop().call_later(0.1, partial(runner.stop, finish=False))

    here.wire.fault = fault
    assert meddled(here, Problem, stop).units == 0
    assert results(here)
    assert leases_granted(here) > IN_FLIGHT
    assert here.status().pools[0].units_leased == 0
