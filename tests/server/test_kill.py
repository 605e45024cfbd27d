"""The server is killed with -9 in the middle of real submits, ten times. In the end every unit has
exactly one stored result, and every result that was ever acknowledged is that one."""

from __future__ import annotations

import dataclasses
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest
from dva_agent.protocol import (
    ROOT,
    Accepted,
    Challenge,
    Device,
    Lease,
    LeaseRequest,
    Leases,
    Problem,
    decode,
    encode,
)
from sqlalchemy import func, select, text

from server.config import Settings
from server.db import Database
from server.pools.ingest import ingest
from server.pools.models import Unit
from server.results.models import Result
from tests.keys import Keys
from tests.server.api import result_for, selftest_of
from tests.server.pool_factory import write_pool
from tests.server.process import Server

KILLS = 10
CLIENTS = 4
UNIT_PAIRS = 2
UNITS = 600


class Client:
    """Works until the pool is drained. A request without an answer is repeated as it was."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url + ROOT, timeout=20)
        self._url, self._keys = url, Keys()
        self.acknowledged: dict[str, bytes] = {}
        self.repeated = 0

    def run(self) -> None:
        with self._http:
            self._register()
            self._work()

    def _register(self) -> None:
        challenge = decode(self._post("/challenges", b"").content, Challenge).challenge
        registration = self._keys.registration(challenge, self._url)
        device = decode(self._post("/devices", encode(registration)).content, Device)
        self._http.headers["Authorization"] = f"Bearer {device.token}"

    def _work(self) -> None:
        waiting: list[Lease] = []
        while True:
            if not waiting:
                request = LeaseRequest(agents=["dva"], count=2)
                leases = decode(self._post("/leases", encode(request)).content, Leases)
                if leases.idle and leases.idle.bundle:
                    self._post("/selftests", encode(selftest_of(leases.idle.bundle)))
                    continue
                waiting += leases.leases
                if leases.idle and leases.idle.reason == "drained":
                    return
                if leases.idle:
                    time.sleep(0.2)
                    continue
            waiting += self._submit(waiting.pop(0))

    def _submit(self, lease: Lease) -> list[Lease]:
        result = result_for(lease, more=1)
        signature = self._keys.signature(result, lease.unit)
        result = msgspec.structs.replace(result, signature=signature)
        answer = self._post(f"/leases/{lease.lease}/result", encode(result))
        if answer.status_code == 200:
            accepted = decode(answer.content, Accepted)
            assert accepted.unit not in self.acknowledged
            self.acknowledged[accepted.unit] = result.scores
            return accepted.next.leases if accepted.next else []
        assert decode(answer.content, Problem).code == "lease_expired", answer.text
        return []

    def _post(self, path: str, body: bytes) -> httpx.Response:
        while True:
            try:
                answer = self._http.post(
                    path, content=body, headers={"Content-Type": "application/json"}
                )
            except httpx.TransportError:
                self.repeated += 1
                time.sleep(0.05)
                continue
            assert answer.status_code < 500, answer.text
            return answer


@pytest.mark.slow
def test_nothing_is_lost_or_stored_twice(
    settings: Settings, database: Database, bundle_folder: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    settings = dataclasses.replace(
        settings, unit_pairs=UNIT_PAIRS, lease_seconds=4, lease_max_seconds=4
    )
    folder = write_pool(tmp_path / "pool", [UNITS * UNIT_PAIRS // 2] * 2)
    ingest(
        database,
        settings,
        pool="test",
        paths=[folder],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    server = Server(settings)
    clients = [Client(server.url) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        running = [threads.submit(client.run) for client in clients]
        for _ in range(KILLS):
            let_work(clients, running, chance.randint(1, 40))
            time.sleep(chance.uniform(0, 0.03))
            server.kill()
            assert count(database) < UNITS, "killed when all was done: use more units"
            server = Server(settings, port=server.port)
        for future in running:
            future.result(timeout=120)
    status, _ = server.stop()

    assert status == 0
    assert sum(client.repeated for client in clients) >= KILLS
    with database.read() as session:
        if database.engine.dialect.name == "sqlite":
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        stored = {
            unit.name: result.scores
            for unit, result in session.execute(
                select(Unit, Result).join(Result, Result.unit_id == Unit.id)
            )
        }
        assert session.scalar(select(func.count()).select_from(Result)) == UNITS
        assert set(session.scalars(select(Unit.state))) == {"done"}
    assert len(stored) == UNITS
    acknowledged = [unit for client in clients for unit in client.acknowledged]
    assert len(acknowledged) == len(set(acknowledged))
    for client in clients:
        assert client.acknowledged.items() <= stored.items()


def let_work(clients: list[Client], running: list[Future[None]], results: int) -> None:
    """Until so many more results have been acknowledged. Raises what ended a client early."""
    target = results + sum(len(client.acknowledged) for client in clients)
    end = time.monotonic() + 60
    while sum(len(client.acknowledged) for client in clients) < target:
        for future in running:
            if future.done():
                future.result()
        assert time.monotonic() < end
        time.sleep(0.002)


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Result)) or 0
