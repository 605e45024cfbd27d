"""Pools that are paused, and which of several is worked on first."""

from __future__ import annotations

from pathlib import Path

import pytest
from dva_agent.protocol import ROOT, LeaseRequest, Leases, ServerStatus

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools import services as pools
from server.pools import steering
from server.pools.ingest import ingest
from tests.server.api import Api
from tests.server.conftest import UNITS
from tests.server.pool_factory import write_pool


@pytest.fixture
def other(database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path) -> str:
    """A second pool of one unit, younger than `pool`."""
    ingest(
        database,
        settings,
        pool="other",
        paths=[write_pool(tmp_path / "other", (3,))],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    return "other"


def status(api: Api) -> dict[str, tuple[bool, int]]:
    found = api.ok(api.get(ROOT + "/status"), ServerStatus)
    return {each.pool: (each.paused, each.priority) for each in found.pools}


def asked(api: Api, pool: str | None = None) -> Leases:
    return api.ok(api.post("/leases", LeaseRequest(agents=["dva"], count=8, pool=pool)), Leases)


def test_a_paused_pool_hands_nothing_out_and_says_so(
    api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    with database.write() as session:
        assert steering.pause(session, pool)
        assert not steering.pause(session, pool)
    assert status(api) == {pool: (True, 0)}
    for wanted in (None, pool):
        idle = asked(api, wanted).idle
        assert idle
        assert (idle.reason, idle.retry_after_s) == ("pool_paused", 60)
    api.finish(lease)
    with database.write() as session:
        assert steering.resume(session, pool)
        assert not steering.resume(session, pool)
    assert len(asked(api).leases) == UNITS - 1


def test_the_others_are_worked_on_meanwhile(
    api: Api, pool: str, other: str, database: Database
) -> None:
    with database.write() as session:
        steering.pause(session, pool)
    [lease] = asked(api).leases
    assert lease.pool == other
    api.finish(lease)
    idle = asked(api).idle
    assert idle
    assert idle.reason == "pool_paused", "not drained: what is paused waits for its operator"
    with database.write() as session:
        steering.pause(session, other)
    idle = asked(api, other).idle
    assert idle
    assert idle.reason == "drained"


def test_the_highest_priority_comes_first(
    api: Api, pool: str, other: str, database: Database
) -> None:
    with database.write() as session:
        assert steering.prioritise(session, other, 5) == 0
        assert steering.prioritise(session, other, 6) == 5
    assert status(api)[other] == (False, 6)
    assert [lease.pool for lease in asked(api).leases] == [other, *[pool] * UNITS]


def test_what_cant_be_steered(pool: str, database: Database) -> None:
    for priority in (steering.LOWEST - 1, steering.HIGHEST + 1):
        with pytest.raises(PoolError) as caught, database.write() as session:
            steering.prioritise(session, pool, priority)
        assert caught.value.code == "priority_invalid"
    with pytest.raises(PoolError) as caught, database.write() as session:
        steering.pause(session, "none")
    assert caught.value.code == "pool_unknown"
    with database.read() as session:
        found = pools.get_pool(session, pool)
        assert (found.paused, found.priority) == (False, 0)
