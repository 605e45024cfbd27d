"""Whole runs against the real server."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from dva_agent.answer import Answer
from dva_agent.bundle import bundle_id
from dva_agent.errors import DvaError, Outdated, Refused, Unreachable
from dva_agent.events import (
    Batch,
    Held,
    Problem,
    Recovered,
    RungTried,
    SelfTested,
    StateChanged,
    UnitDropped,
    UnitFinished,
    UnitStarted,
    Waiting,
)
from dva_agent.runner import Runner, Summary

from tests.dva_agent.runs import is_complete, meddled, results, run
from tests.dva_agent.world import PAIRS, UNITS, World, take_in

BROKEN = len([number for number in range(PAIRS) if number % 7 == 3])


def test_a_pool_is_scored_to_its_end(here: World) -> None:
    summary = run(here)
    assert summary == Summary(
        units=UNITS, pairs=PAIRS, pairs_scored=PAIRS - BROKEN, ending="drained"
    )
    assert is_complete(here)
    states = [event.state for event in here.of(StateChanged)]
    assert states == ["starting", "testing", "running", "drained"]
    assert len(here.of(SelfTested)) == 1
    assert [event.rung for event in here.of(RungTried) if event.chosen] == ["native"]
    assert {event.unit for event in here.of(UnitFinished)} == {
        event.unit for event in here.of(UnitStarted)
    }
    seen = [pair for batch in here.of(Batch) for pair in batch.pairs]
    assert len(seen) == len({pair.uid for pair in seen}) == PAIRS
    assert Counter(pair.status for pair in seen) == {0: PAIRS - BROKEN, 2: BROKEN}
    assert here.of(Held)[-1].leases == []
    assert here.engines[0].closed


def test_nothing_is_leased_before_the_self_test(here: World) -> None:
    leased_at_test: list[bool] = []

    def look(event: object) -> None:
        if isinstance(event, SelfTested):
            leased_at_test.append(any(url.endswith("/leases") for _, url in here.wire.requests))

    here.on_event = look
    run(here)
    assert leased_at_test == [False]


def test_so_many_units_and_no_more(here: World) -> None:
    assert run(here, units=2).ending == "enough"
    assert len(results(here)) == 2
    assert here.status().pools[0].units_leased == 0
    assert run(here, units=UNITS).units == UNITS - 2
    assert is_complete(here)


def test_a_busy_server_is_given_time(here: World) -> None:
    turned_away = 0

    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        nonlocal turned_away
        if answer is None and turned_away < 3 and url.endswith("/result"):
            turned_away += 1
            return Answer(status=503, headers={"retry-after": "40"}, body=b"<h1>busy</h1>")
        return None

    here.wire.fault = fault
    assert run(here).units == UNITS
    assert is_complete(here)
    # Each time the page hears that it is over.
    told = [type(event) for event in here.events if isinstance(event, Problem | Recovered)]
    assert Problem in told
    assert told[-1] is Recovered
    assert sum(seconds >= 40 for seconds in here.clock.slept) >= 3


def test_a_failing_server_changes_nothing(here: World) -> None:
    failed: Counter[str] = Counter()

    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        if answer is None and "/api/" in url:
            failed[url] += 1
            if failed[url] % 3 == 1:
                return Answer(status=500, headers={}, body=b"")
        return None

    here.wire.fault = fault
    assert run(here).units == UNITS
    assert is_complete(here)


def test_an_unknown_token_means_registering_again(here: World) -> None:
    async def go() -> Summary:
        runner = here.runner()
        runner._client.token = "x" * 40
        return await runner.run()

    assert asyncio.run(go()).units == UNITS
    assert len(here.devices) == 1
    assert is_complete(here)


def problem(status: int, code: str) -> Answer:
    body = (
        f'{{"type": "about:blank", "title": "No", "status": {status}, "code": "{code}",'
        f' "detail": "It is so.", "next_step": "Do something."}}'
    )
    return Answer(status=status, headers={}, body=body.encode())


def test_an_outdated_agent_stops_and_gives_back(here: World) -> None:
    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        if answer is None and url.endswith("/result"):
            return problem(426, "protocol_outdated")
        return None

    here.wire.fault = fault
    with pytest.raises(Outdated):
        run(here)
    assert here.status().pools[0].units_leased == 0


def test_a_pool_that_is_not_there(here: World) -> None:
    with pytest.raises(Refused):
        run(here, pool="elsewhere")


def test_leases_that_the_server_took_back_are_forgotten(here: World) -> None:
    """The deadline passes while the person pauses; heartbeats learn of it."""

    def pause(runner: Runner) -> None:
        runner.pause()
        with sqlite3.connect(here.data / "dva.db") as database:
            database.execute("UPDATE lease SET deadline = 0")
        database.close()

        async def later() -> None:
            while not here.of(UnitDropped):
                await asyncio.sleep(0.1)
            runner.resume()

        tasks.append(asyncio.ensure_future(later()))

    tasks: list[asyncio.Future[None]] = []
    assert meddled(here, Batch, pause).units == UNITS
    assert is_complete(here)
    assert {event.code for event in here.of(UnitDropped)} == {"lease_expired"}
    assert not any(event.abandoned for event in here.of(UnitDropped))


def test_a_heartbeat_that_crosses_the_result_takes_nothing_back(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease has ended because the result is stored: the answer to it is still to come."""
    monkeypatch.setattr("dva_agent.holdings.CHECK_S", 0.2)
    monkeypatch.setattr("dva_agent.holdings.RENEW_AFTER", 0.0)
    lost: Counter[str] = Counter()
    crossed = 0

    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        nonlocal crossed
        if answer and url.endswith("/result") and lost[url] < 3:
            lost[url] += 1
            raise Unreachable("the answer got lost")
        if answer is None and url.endswith("/heartbeat"):
            if not lost[url.replace("/heartbeat", "/result")]:
                return Answer(status=200, headers={}, body=b'{"expires_in_s": 600}')
            crossed += 1
            return problem(409, "lease_expired")
        return None

    here.wire.fault = fault
    assert run(here).units == UNITS
    assert is_complete(here)
    assert crossed
    assert not here.of(UnitDropped)


def test_a_shard_that_cannot_be_had_ends_the_run_in_time(here: World) -> None:
    def fault(method: str, url: str, answer: Answer | None) -> Answer | None:
        if answer is None and "/shards/" in url:
            return problem(404, "not_found")
        return None

    here.wire.fault = fault
    with pytest.raises(DvaError) as caught:
        run(here)
    assert caught.value.code == "not_found"
    assert here.status().pools[0].units_leased == 0
    waits = [event.seconds for event in here.of(Waiting)]
    assert waits == sorted(waits)


def test_another_pools_bundle_takes_the_engines_place(
    here: World, small_pool: Path, tmp_path: Path
) -> None:
    """Units of two bundles come mixed; one engine is open at a time, and each unit is scored by
    its own."""
    shutil.copytree(here.folder, tmp_path / "other")
    spec = msgspec.structs.replace(here.manifest.preprocessing, mean=(0.1, 0.2, 0.3))
    other = msgspec.structs.replace(here.manifest, preprocessing=spec)
    other = msgspec.structs.replace(other, bundle=bundle_id(other))
    (tmp_path / "other" / "manifest.json").write_bytes(msgspec.json.encode(other))
    take_in(here.settings, here.database, "second", small_pool, tmp_path / "other")
    assert run(here).units == 2 * UNITS
    assert len(results(here)) == 2 * UNITS
    assert [pool.units_done for pool in here.status().pools] == [UNITS, UNITS]
    bundles = [event.bundle for event in here.of(RungTried)]
    assert set(bundles) == {here.manifest.bundle, other.bundle}
    assert all(engine.closed for engine in here.engines)


def test_two_agents_share_a_pool(here: World) -> None:
    async def go() -> list[Summary]:
        return list(await asyncio.gather(here.runner().run(), here.runner().run()))

    summaries = asyncio.run(go())
    assert sum(summary.units for summary in summaries) == UNITS
    assert is_complete(here)
