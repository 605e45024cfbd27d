"""The real server in this process, a pool, and engines that can be made to fail."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from dva_agent.answer import Answer, error_of
from dva_agent.arrival import Visitor
from dva_agent.assembly import assemble
from dva_agent.bundle import Manifest
from dva_agent.errors import DvaError
from dva_agent.events import Batch, Event
from dva_agent.ladder import WITHOUT_MODEL
from dva_agent.native.engine import NativeEngine
from dva_agent.native.reader import NativeReader
from dva_agent.protocol import Device, Rung, ServerStatus, Span, decode
from dva_agent.runner import Errand, Runner
from flask import Flask

from server import create_app
from server.config import Settings
from server.db import Database
from server.migrations import migrate
from server.pools.ingest import ingest
from tests.e2e.pictures import encoded, scene
from tests.keys import Keys
from tests.server.pool_factory import uid, write_tar

UNIT_PAIRS = 6
SHARDS = (20, 10)
UNITS = 6
"""Of 6, 6, 6, 2 and 6, 4 pairs."""

PAIRS = sum(SHARDS)


def write_pool(folder: Path) -> Path:
    """Two shards of small pictures; every seventh is broken."""
    number = 0
    for shard, pairs in enumerate(SHARDS):
        members = []
        for _ in range(pairs):
            key = f"{number:09d}"
            picture = encoded(scene(40 + number, 70 - number, number), "JPEG")
            if number % 7 == 3:
                picture = picture[:-50]
            members += [
                (f"{key}.jpg", picture),
                (f"{key}.txt", f"caption number {number}".encode()),
                (f"{key}.json", f'{{"uid": "{uid(number)}"}}'.encode()),
            ]
            number += 1
        write_tar(folder / f"{shard:05d}.tar", members)
    return folder


class FastClock:
    """A hundred seconds pass in one."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return asyncio.get_running_loop().time() * 100

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 100)

    def chance(self) -> float:
        return 0.5


class Wire:
    """A client.Transport and an engine's Source over the app, without sockets. `fault` is asked
    before (answer None) and after each request; what it returns takes the answer's place, what it
    raises is raised."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.fault: Callable[[str, str, Answer | None], Answer | None] = lambda *_: None
        self.requests: list[tuple[str, str]] = []

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self.requests.append((method, url))
        instead = self.fault(method, url, None)
        if instead:
            return instead
        answer = await asyncio.to_thread(self._send, method, url, headers, body)
        return self.fault(method, url, answer) or answer

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        headers = {"Range": f"bytes={span.start}-{span.start + span.size - 1}"} if span else {}
        answer = await self.request("GET", url, headers=headers, body=None)
        if answer.status >= 400:
            raise error_of(answer)
        return answer.body

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        response = self._app.test_client().open(
            url.removeprefix("http://localhost"),
            method=method,
            headers=dict(headers),
            data=body,
            buffered=True,
        )
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=names, body=response.data)


class Moody(NativeEngine):
    """A real engine; what `mood` returns for a batch of image embeddings takes their place, what
    it raises is raised."""

    mood: Callable[[Any], Any] = staticmethod(lambda rows: rows)
    closed = False

    async def encode_images(self, pixels: Any) -> Any:
        assert not self.closed
        handle: Any = await super().encode_images(pixels)
        handle.data = self.mood(np.array(handle.data))
        return handle

    async def close(self) -> None:
        self.closed = True


@dataclass(kw_only=True)
class World:
    """`engines`: all that were opened. `moods`: what happens to the next ones, in turn."""

    app: Flask
    settings: Settings
    database: Database
    wire: Wire
    folder: Path
    manifest: Manifest
    data: Path
    clock: FastClock = field(default_factory=FastClock)
    engines: list[Moody] = field(default_factory=list)
    moods: deque[Callable[[Any], Any]] = field(default_factory=deque)
    opening: deque[DvaError] = field(default_factory=deque)
    events: list[Event] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None

    def runner(self, *, rungs: tuple[Rung, ...] = ("native",), **errand: Any) -> Runner:
        return assemble(
            server="http://localhost",
            identity=Keys().identity,
            transport=self.wire,
            rungs=rungs,
            open_engine=self.open_engine,
            observer=self,
            visitor=Visitor(platform="native", label="test", save=self.devices.append),
            errand=Errand(**{"until_drained": True, **errand}),
            clock=self.clock,
        )

    async def open_engine(self, rung: Rung, manifest: Manifest, url: str) -> NativeReader:
        if self.opening:
            raise self.opening.popleft()
        if rung == WITHOUT_MODEL:
            return NativeReader(manifest=manifest, source=self.wire)
        # A bundle that differs in its manifest alone has the same towers.
        engine = Moody(
            manifest=manifest, folder=self.folder, source=self.wire, threads=1, rung=rung
        )
        if self.moods:
            engine.mood = self.moods.popleft()
        self.engines.append(engine)
        return engine

    def event(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def seen(self, batch: Batch, blob: Any) -> None:
        self.event(batch)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def status(self) -> ServerStatus:
        return decode(self.app.test_client().get("/api/v1/status").data, ServerStatus)


def take_in(
    settings: Settings,
    database: Database,
    name: str,
    folder: Path,
    bundle: Path,
    agent: str | None = None,
) -> None:
    """What `dva ingest` does."""
    ingest(
        database,
        settings,
        pool=name,
        paths=[folder],
        bundle=bundle,
        progress=lambda done, total: None,
        agent=agent,
    )


@contextmanager
def world(
    data: Path,
    pool: Path,
    bundle: Path,
    manifest: Manifest,
    agent: str | None = None,
    **settings: Any,
) -> Iterator[World]:
    """A server with one pool, as new. `agent`: who works on it, DVA as a rule."""
    chosen = Settings(data=data, unit_pairs=UNIT_PAIRS, **settings)
    data.mkdir(exist_ok=True)
    database = Database(chosen.database_url)
    migrate(database)
    take_in(chosen, database, "test", pool, bundle, agent)
    app = create_app(chosen, database)
    try:
        yield World(
            app=app,
            settings=chosen,
            database=database,
            wire=Wire(app),
            folder=bundle,
            manifest=manifest,
            data=data,
        )
    finally:
        database.close()
