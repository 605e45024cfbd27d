"""kill -9 at 200 random moments in all: agents, server workers, whole servers. In the end every
unit has exactly one result, the one of an undisturbed run, and no lease is left."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import joinedload

from server.config import Settings
from server.db import Database
from server.migrations import migrate
from server.pools.ingest import ingest
from server.pools.models import Shard, Unit
from server.pools.services import unit_pairs
from server.results.models import Result
from server.work.models import HELD, Lease
from tests.server.havoc import Kill, havoc, plan
from tests.server.pool_factory import write_pool

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DEMO_SHARD = ROOT / "build" / "demo-pool" / "00000.tar"
DEMO_BUNDLE = ROOT / "static" / "models" / "demo-q8"

LIGHT = "caption-statistics"
"""Needs no model, so an agent is at work soon after it starts."""

SHORT_LEASE_S = 5.0
"""What a killed agent held comes back after that."""

CALM_UNIT_PAIRS = 256
"""A pair's values don't depend on the others of its unit."""

Scores = dict[str, tuple[int, bytes]]
"""uid -> status and values."""


def prepare(settings: Settings, shards: Path, bundle: Path, agent: str) -> Database:
    settings.data.mkdir(exist_ok=True)
    database = Database(settings.database_url)
    migrate(database)
    ingest(
        database,
        settings,
        pool="test",
        paths=[shards],
        bundle=bundle,
        progress=lambda done, total: None,
        agent=agent,
    )
    return database


def results(settings: Settings, database: Database) -> Scores:
    """Of each pair. That no unit has two, the database's own key sees to."""
    found: Scores = {}
    with database.read() as session:
        for unit, result in session.execute(
            select(Unit, Result)
            .join(Result, Result.unit_id == Unit.id)
            .options(joinedload(Unit.shard).joinedload(Shard.pool))
        ):
            pairs = unit_pairs(settings, unit)
            size = len(result.scores) // len(pairs)
            for number, pair in enumerate(pairs):
                values = result.scores[number * size : (number + 1) * size]
                assert pair.uid not in found
                found[pair.uid] = (result.statuses[number], values)
    return found


def undisturbed(settings: Settings, folder: Path, shards: Path, bundle: Path, agent: str) -> Scores:
    own = dataclasses.replace(settings, data=folder / "data", database="", lease_seconds=600)
    folder.mkdir()
    database = prepare(own, shards, bundle, agent)
    # One agent takes all of so few units at its first claim; others would wait for half a minute.
    with havoc(own, database, folder, seed=0, agents=1) as calm:
        calm.finish()
    found = results(own, database)
    database.close()
    return found


def check_whole(settings: Settings, database: Database, expected: Scores) -> None:
    with database.read() as session:
        if database.engine.dialect.name == "sqlite":
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert set(session.scalars(select(Unit.state))) == {"done"}
        assert not session.scalar(
            select(func.count()).select_from(Lease).where(Lease.state == HELD)
        )
        counted = session.execute(
            select(Shard.units - Shard.units_done, Shard.pairs - Shard.pairs_done)
        )
        assert {tuple(row) for row in counted} == {(0, 0)}
    assert results(settings, database) == expected


def wreak(
    settings: Settings, kills: list[Kill], tmp_path: Path, shards: Path, bundle: Path, agent: str
) -> None:
    settings = dataclasses.replace(
        settings,
        workers=2,
        lease_seconds=SHORT_LEASE_S,
        lease_max_seconds=600,
        requests_per_second=0,
    )
    calm = dataclasses.replace(settings, unit_pairs=CALM_UNIT_PAIRS)
    expected = undisturbed(calm, tmp_path / "calm", shards, bundle, agent)
    database = prepare(settings, shards, bundle, agent)
    with havoc(settings, database, tmp_path, seed=len(kills)) as running:
        running.survive(kills)
        running.finish()
    check_whole(settings, database, expected)
    database.close()


def test_a_light_agent(settings: Settings, bundle_folder: Path, tmp_path: Path) -> None:
    """94 kills on each database."""
    shards = write_pool(tmp_path / "pool", [300, 300])
    settings = dataclasses.replace(settings, unit_pairs=1)
    kills = plan(seed=11, agents=60, workers=26, servers=8)
    wreak(settings, kills, tmp_path, shards, bundle_folder, LIGHT)


def test_the_network(tmp_path: Path) -> None:
    """12 more, of agents with a model to fetch, to keep and to prove."""
    settings = Settings(data=tmp_path / "data", unit_pairs=4)
    kills = [
        dataclasses.replace(kill, results=min(kill.results, 1))
        for kill in plan(seed=12, agents=9, workers=2, servers=1)
    ]
    wreak(settings, kills, tmp_path, DEMO_SHARD, DEMO_BUNDLE, "dva")
