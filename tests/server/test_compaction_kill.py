"""A process that compacts a shard, or brings one back, is killed with -9 at calls and returns of
the code that does it, from the first to the last. Whatever the moment, all is read that was read
before, and the next one finishes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from server.compaction import services
from server.compaction.readiness import Wait
from server.compaction.services import LEFT_OVER_S
from server.config import Settings
from server.db import Database, now
from server.pools.models import Shard
from server.results import compacted
from server.results.models import CompactedShard, Result
from server.trust.models import Audit
from tests.server.auditing import Trial
from tests.server.compacting import AGE, LONG_AFTER, fill, rows, seen, take_in
from tests.server.killing import code, killed_at

CODE = code(
    "compaction",
    "db.py",
    "results/compacted.py",
    "results/kept.py",
    "trust/archive.py",
    "work/compacted.py",
)
STEPS = 1000
STRIDE = 17
"""Each moment takes a third of a second: every one is for whoever changes that code."""


@pytest.fixture
def pool(database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path) -> str:
    return take_in(database, settings, bundle_folder, tmp_path / "tars")


def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    app: Flask, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    trial = Trial(database, settings)
    people = fill(app, trial, 11)
    before = seen(database, settings, pool, people, tmp_path / "before")
    with database.read() as session:
        shard = session.scalars(select(Shard).order_by(Shard.id)).first()
        assert shard is not None
        stored = stored_of(database, settings, shard)
    count = rows(database)

    def compact() -> None:
        own = Database(settings.database_url)
        services.compact(own, settings, shard.id, age=AGE, at=now() + LONG_AFTER)

    def bring_back() -> None:
        own = Database(settings.database_url)
        services.bring_back(
            own, settings, trial.court.secret, pool=pool, shard=shard.name, at=now()
        )

    database.close()
    for run, is_compacted in ((compact, False), (bring_back, True)):
        for step in range(1, STEPS, STRIDE):
            ended = not killed_at(step, run, CODE)
            assert stored_of(database, settings, shard) == stored
            with database.read() as session:
                row = session.get(CompactedShard, shard.id)
                there = compacted.confirmed_of(session, shard.id)
            assert (row is None) == bool(there), "in one place, not in both and not in none"
            database.close()
            if (row is not None) != is_compacted:
                break
            assert not ended, "nothing was done"
        assert step > 20
        if not is_compacted:
            assert seen(database, settings, pool, people, tmp_path / "then") == before
            database.close()
    assert rows(database) == count
    left = list(settings.scores.glob("*/.*.partial"))
    assert left, "somebody was killed while writing"
    for path in left:
        os.utime(path, (0, 0))
    fresh = settings.scores / pool / ".new.parquet.0.partial"
    fresh.touch()
    done = services.compact_all(database, settings, age=AGE, at=now() + LONG_AFTER)
    assert next(done).waits is None
    assert list(settings.scores.glob("*/.*.partial")) == [fresh]
    assert LEFT_OVER_S
    assert seen(database, settings, pool, people, tmp_path / "after") == before


def stored_of(database: Database, settings: Settings, shard: Shard) -> list[dict[str, object]]:
    """Every column of the shard's results, wherever they are."""
    with database.read() as session:
        found = session.get_one(Shard, shard.id)
        assert found.pool
        results = compacted.results_of(session, settings, found)
        names = Result.__table__.columns.keys()
        return [
            {**{name: getattr(result, name) for name in names}, "unit_id": unit.id}
            for unit, result in results
        ]


def test_two_at_once_compact_a_shard_once(
    app: Flask,
    pool: str,
    database: Database,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second has written its file when the first is through: that one stays. Nor does anything
    go that is to be looked at again by then."""
    people = fill(app, Trial(database, settings), 12)
    before = seen(database, settings, pool, people, tmp_path / "before")
    with database.read() as session:
        shard = session.scalars(select(Shard.id).order_by(Shard.id)).first()
    assert shard is not None
    digest = services.kept.sha256
    inner: list[Wait | None] = []

    def an_audit_is_drawn(path: Path) -> str:
        with database.write() as session:
            session.execute(update(Audit).where(Audit.id == 1).values(state="open"))
        return digest(path)

    def first_comes_another(path: Path) -> str:
        if not inner:
            inner.append("undecided")
            inner[0] = services.compact(
                database, settings, shard, age=AGE, at=now() + LONG_AFTER
            ).waits
        return digest(path)

    monkeypatch.setattr(services.kept, "sha256", an_audit_is_drawn)
    late = services.compact(database, settings, shard, age=AGE, at=now() + LONG_AFTER)
    assert (late.waits, rows(database)["compacted_shard"]) == ("undecided", 0)
    assert not list(settings.scores.glob("*/*"))
    with database.write() as session:
        session.execute(update(Audit).where(Audit.id == 1).values(state="passed"))

    monkeypatch.setattr(services.kept, "sha256", first_comes_another)
    second = services.compact(database, settings, shard, age=AGE, at=now() + LONG_AFTER)
    assert (inner, second.waits) == ([None], "undecided")
    assert rows(database)["compacted_shard"] == 1
    assert not list(settings.scores.glob("*/.*"))
    with database.read() as session:
        assert session.scalars(select(Audit)).all()
    assert seen(database, settings, pool, people, tmp_path / "after") == before
