"""Agents at a real `dva serve` that allows each of them far less than it wants: all come through,
each waits as it is told, and the server sees no storm."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from dva_agent.answer import Answer, error_of
from dva_agent.arrival import Visitor
from dva_agent.assembly import assemble
from dva_agent.bundle import Manifest
from dva_agent.clock import SystemClock
from dva_agent.errors import Busy, Unreachable
from dva_agent.events import Batch, Event, Problem
from dva_agent.native.reader import NativeReader
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import Rung, ServerStatus, decode
from dva_agent.runner import Errand, Summary

from server.config import Settings
from server.db import Database
from server.migrations import migrate
from tests.dva_agent.world import take_in
from tests.keys import Keys
from tests.server.pool_factory import write_bundle, write_pool
from tests.server.process import Server

AGENTS = 3
UNITS = 120
REQUESTS_PER_SECOND = 2.0
"""Ten seconds' worth may come at once, so an agent meets the limit after half of its 40 units."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    at: float
    status: int
    asked: float
    """Seconds that the answer asked for; 0 if it was no 429 or 503."""


@dataclass(eq=False)
class Recording(HttpTransport):
    """The real wire, with a record of what the server was asked, by what exactly."""

    sent: dict[tuple[str, bytes | None], list[Sent]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        super().__init__()

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        answer = await super().request(method, url, headers=headers, body=body)
        error = error_of(answer) if answer.status >= 400 else None
        asked = error.retry_after_s if isinstance(error, Busy) else 0.0
        sent = Sent(at=time.monotonic(), status=answer.status, asked=asked)
        self.sent[method + url, body].append(sent)
        return answer


class Watcher:
    """Keeps what a person would be told."""

    def __init__(self) -> None:
        self.told: list[Problem] = []

    def event(self, event: Event) -> None:
        if isinstance(event, Problem):
            self.told.append(event)

    def seen(self, batch: Batch, blob: object) -> None:
        del batch, blob


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = Settings(
        data=tmp_path / "data", unit_pairs=1, requests_per_second=REQUESTS_PER_SECOND
    )
    settings.data.mkdir()
    database = Database(settings.database_url)
    migrate(database)
    write_bundle(tmp_path / "bundle")
    pool = write_pool(tmp_path / "pool", [UNITS])
    take_in(settings, database, "test", pool, tmp_path / "bundle", "caption-statistics")
    database.close()
    running = Server(settings)
    yield running
    status, errors = running.stop()
    assert status == 0, errors


async def work(url: str, wire: Recording, watcher: Watcher) -> Summary:
    async def open_engine(rung: Rung, manifest: Manifest, url: str) -> NativeReader:
        del rung, url
        return NativeReader(manifest=manifest, source=wire)

    runner = assemble(
        server=url,
        identity=Keys().identity,
        transport=wire,
        rungs=["native"],
        open_engine=open_engine,
        observer=watcher,
        visitor=Visitor(platform="native", label="test", save=lambda device: None),
        errand=Errand(until_drained=True),
        clock=SystemClock(),
    )
    try:
        return await runner.run()
    finally:
        await wire.close()


@pytest.mark.slow
def test_agents_wait_as_told_and_come_through(server: Server) -> None:
    wires = [Recording() for _ in range(AGENTS)]
    watchers = [Watcher() for _ in range(AGENTS)]

    async def together() -> list[Summary]:
        return await asyncio.gather(
            *(work(server.url, *both) for both in zip(wires, watchers, strict=True))
        )

    done = asyncio.run(together())
    assert sum(summary.units for summary in done) == UNITS
    status = decode(asyncio.run(_status(server.url)), ServerStatus)
    (pool,) = status.pools
    assert (pool.units_done, pool.units_leased) == (UNITS, 0)

    turned_away = accepted = 0
    for wire, watcher in zip(wires, watchers, strict=True):
        own = [sent for repeats in wire.sent.values() for sent in repeats]
        # 503: a busy machine's database doesn't answer in time either.
        assert {sent.status for sent in own} <= {200, 201, 429, 503}
        refused = [sent for sent in own if sent.status in (429, 503)]
        assert refused, "the limit was never met: the test shows nothing"
        assert all(sent.asked >= 1 for sent in refused)
        # On a busy machine a connection may fail, too.
        told = [problem for problem in watcher.told if problem.code != Unreachable.default_code]
        assert len(told) == len(refused)
        turned_away += len(refused)
        accepted += len(own) - len(refused)
        for (name, _), repeats in wire.sent.items():
            if name.endswith(("/result", "/devices")):
                # Answers are timed as they arrive, requests a little earlier.
                assert all(
                    after.at - before.at >= before.asked for before, after in pairwise(repeats)
                ), repeats
    # Several requests of an agent are under way at once, so a limit turns away more than one.
    assert turned_away <= accepted, (turned_away, accepted)


async def _status(url: str) -> bytes:
    wire = HttpTransport()
    try:
        answer = await wire.request("GET", url + "/api/v1/status", headers={}, body=None)
    finally:
        await wire.close()
    return answer.body
