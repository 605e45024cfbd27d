"""Compaction: the same is read before and after, whatever was posted; nothing goes too early."""

from __future__ import annotations

import dataclasses
import random
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy import select, update

from server.compaction import readiness, services
from server.compaction.now_and_then import Compactor
from server.config import Settings
from server.db import Database, now
from server.doctor import data as doctor
from server.errors import PoolError
from server.pools.models import Shard, Unit
from server.results import kept
from server.results.models import Result
from server.trust.models import Audit
from tests.server.api import Api
from tests.server.auditing import PASSED, Trial
from tests.server.command import Dva
from tests.server.compacting import (
    LONG_AFTER,
    PAIRS,
    age,
    compact,
    fill,
    finish,
    rows,
    seen,
    settle,
    take_in,
    withhold,
    worked,
)


@pytest.fixture
def pool(database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path) -> str:
    return take_in(database, settings, bundle_folder, tmp_path / "tars")


@pytest.fixture
def trial(database: Database, settings: Settings) -> Trial:
    return Trial(database, settings)


def numbers(database: Database) -> dict[str, dict[str, list[int]]]:
    """Results and audits, by shard."""
    with database.read() as session:
        found: dict[str, dict[str, list[int]]] = {}
        for name, result in session.execute(
            select(Shard.name, Result.id)
            .join(Unit, Unit.shard_id == Shard.id)
            .join(Result, Result.unit_id == Unit.id)
            .order_by(Result.id)
        ):
            audits = session.scalars(select(Audit.id).where(Audit.result_id == result))
            of_shard = found.setdefault(name, {"results": [], "audits": []})
            of_shard["results"].append(result)
            of_shard["audits"] += audits
        return found


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_reads_the_same_afterwards(
    app: Flask,
    trial: Trial,
    pool: str,
    database: Database,
    settings: Settings,
    tmp_path: Path,
    seed: int,
) -> None:
    people = fill(app, trial, seed)
    before = seen(database, settings, pool, people, tmp_path / "before")
    assert any(before["scores confirmed"][1].values())
    count = rows(database)
    would = compact(database, settings, dry_run=True)
    assert rows(database) == count
    assert not settings.scores.exists()
    done = compact(database, settings)
    assert {name: each.waits for name, each in would.items()} == {
        name: each.waits for name, each in done.items()
    }
    went = [each for each in done.values() if each.waits is None]
    assert len(went) >= 3
    after = rows(database)
    assert after["compacted_shard"] == len(went)
    for table, field in (("result", "results"), ("lease", "results"), ("audit", "audits")):
        assert count[table] - after[table] == sum(getattr(each, field) for each in went)
    assert seen(database, settings, pool, people, tmp_path / "after") == before
    assert compact(database, settings).keys() == done.keys() - {each.shard for each in went}

    # A pair that is withheld later is in no table any more.
    table = pq.read_table(settings.scores / "test" / f"{went[0].shard.partition('/')[2]}.parquet")
    hidden = table["uid"][0].as_py()
    withhold(people[0], pool, table["unit"][0].as_py(), hidden)
    later = seen(database, settings, pool, people, tmp_path / "later")
    assert later["scores all"][0].withheld == before["scores all"][0].withheld + 1
    for path in (tmp_path / "later" / "all").iterdir():
        assert hidden not in pq.read_table(path)["uid"].to_pylist()

    # And back again: each row as it was, and looked at once more.
    for each in went:
        services.bring_back(
            database,
            settings,
            trial.court.secret,
            pool=pool,
            shard=each.shard.partition("/")[2],
            at=now(),
        )
    back = rows(database)
    assert (back["result"], back["lease"]) == (count["result"], count["lease"])
    again = trial.audits("open")
    assert {audit.kind for audit in again} <= {"recheck"}
    assert back["audit"] - len(again) == count["audit"]
    trial.end_all(PASSED)
    restored = seen(database, settings, pool, people, tmp_path / "back")
    for name in ("scores all", "signatures", "status", *(f"units {n}" for n in range(3))):
        assert restored[name] == later[name]


def test_what_is_open_young_or_near_stays(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    api, chance = Api(app), random.Random(5)
    while finish(api, chance, 3):
        trial.draw()
        trial.end_all(PASSED)

    def waits(after: timedelta = LONG_AFTER) -> dict[str, str | None]:
        looked = compact(database, settings, after=after, dry_run=True)
        return {name.partition("/")[2]: each.waits for name, each in looked.items()}

    found = waits()
    assert set(found.values()) == {"undecided"}, "nothing is confirmed yet"
    settle(trial, now() + timedelta(hours=2))
    assert set(waits(timedelta(days=6)).values()) == {"young"}
    late = waits(timedelta(days=29))
    assert "recheck" in late.values()
    assert set(late.values()) <= {"recheck", "newest"}
    # Neither number is given again: SQLite counts on from the highest that is there.
    newest = {
        name
        for name, has in numbers(database).items()
        for kind in ("results", "audits")
        if max(has[kind], default=0)
        == max(max(each[kind], default=0) for each in numbers(database).values())
    }
    assert {name for name, wait in waits().items() if wait == "newest"} == newest
    assert {wait for name, wait in waits().items() if name not in newest} == {None}
    with database.write() as session:
        session.execute(update(Shard).values(set_aside=True))
    assert waits() == {}


def test_who_comes_later_frees_what_came_before(
    app: Flask,
    trial: Trial,
    pool: str,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device that works on keeps its latest results within reach, and no others."""
    monkeypatch.setattr(readiness, "LATER", 4)
    api, chance = Api(app), random.Random(6)
    while finish(api, chance, 3):
        settle(trial, now() + timedelta(hours=2))
    done = compact(database, settings, after=timedelta(days=8))
    order = sorted(done)
    gone = [name for name in order if done[name].waits is None]
    assert gone == order[: len(gone)]
    assert 1 <= len(gone) < len(order) - 1
    with database.read() as session:
        stored = session.scalars(select(Result.id).where(Result.state == "confirmed")).all()
    assert len(stored) >= 4


def test_the_file_of_a_shard_that_was_brought_back_is_kept_for_backups(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    """Other content doesn't take its place within a day; the same may."""
    fill(app, trial, 4)
    done = compact(database, settings)
    name = next(name for name, each in done.items() if each.waits is None)
    shard = name.partition("/")[2]
    path = settings.scores / pool / f"{shard}.parquet"
    before = path.read_bytes()
    late = now() + LONG_AFTER
    services.bring_back(database, settings, trial.court.secret, pool=pool, shard=shard, at=late)
    trial.end_all(PASSED)
    age(database)
    assert (
        compact(database, settings, after=LONG_AFTER + timedelta(hours=23))[name].waits == "former"
    )
    assert path.read_bytes() == before
    files = settings.scores / pool
    assert not list(files.glob(".*"))
    assert compact(database, settings, after=LONG_AFTER + timedelta(hours=25))[name].waits is None
    assert path.read_bytes() != before, "it has the later audits"


def test_a_file_that_was_touched_is_told(
    app: Flask,
    trial: Trial,
    pool: str,
    database: Database,
    settings: Settings,
    dva: Dva,
    tmp_path: Path,
) -> None:
    people = fill(app, trial, 8)
    before = seen(database, settings, pool, people, tmp_path / "before")
    compact(database, settings)
    assert doctor_says(settings) == "ok"
    path = sorted(settings.scores.glob("test/*.parquet"))[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    assert doctor_says(settings) == "problem"
    told = dva(settings, "scores", pool, "--out", str(tmp_path / "out"))
    assert told.status == 1
    assert "[scores_damaged]" in told.err
    path.unlink()
    kept.times.cache_clear()
    with pytest.raises(PoolError):
        seen(database, settings, pool, people, tmp_path / "gone")
    assert doctor_says(settings) == "problem"
    # What somebody has done isn't lost with it.
    with database.read() as session:
        told_units = worked(session, settings, people[0].device.device)
    assert [unit.unit for unit in told_units] == [unit.unit for unit in before["units 0"]]
    path.write_bytes(whole)
    assert seen(database, settings, pool, people, tmp_path / "after") == before


def test_the_command(
    app: Flask,
    trial: Trial,
    pool: str,
    database: Database,
    settings: Settings,
    dva: Dva,
    tmp_path: Path,
) -> None:
    fill(app, trial, 9)
    age(database)
    dry = dva(settings, "compact", pool, "--dry-run")
    assert dry.status == 0, dry.err
    assert "would be compacted" in dry.out
    done = dva(settings, "compact")
    assert done.status == 0, done.err
    assert "shards compacted" in done.out
    assert "stay for now: the newest" in done.err
    [name, *_] = sorted(path.stem for path in settings.scores.glob("test/*"))
    copied = dva(settings, "backup", str(tmp_path / "copy"))
    assert copied.status == 0, copied.err
    assert (tmp_path / "copy" / "scores" / "test" / f"{name}.parquet").is_file()
    if settings.is_embedded:
        restored = Settings(data=tmp_path / "copy")
        for where, out in ((settings, "here"), (restored, "there")):
            told = dva(where, "scores", pool, "--out", str(tmp_path / out))
            assert told.status == 0, told.err
        for path in (tmp_path / "here").iterdir():
            assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
    back = dva(settings, "compact", pool, "--undo", name)
    assert back.status == 0, back.err
    twice = dva(settings, "compact", pool, "--undo", name)
    assert "[shard_not_compacted]" in twice.err
    assert dva(settings, "compact", "--undo", name).status == 2
    assert "[pool_unknown]" in dva(settings, "compact", "nothing").err
    index = settings.pools / pool / "index" / f"{name}.parquet"
    index.unlink()
    trial.end_all(PASSED)
    age(database)
    fault = dva(settings, "compact", pool)
    assert (fault.status, "[compaction_failed]" in fault.err) == (1, True), fault.err
    index.write_bytes(b"no parquet")
    fault = dva(settings, "compact", pool)
    assert (fault.status, "[compaction_failed]" in fault.err) == (1, True), fault.err


def test_an_auditor_does_it_now_and_then(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    fill(app, trial, 10)
    off = Compactor(database, dataclasses.replace(settings, compact_after_days=0))
    assert not off.step()
    clock = [now() + LONG_AFTER]
    compactor = Compactor(database, settings, clock=lambda: clock[0])
    steps = 0
    while compactor.step():
        steps += 1
    assert steps == 1 + len(PAIRS)
    assert rows(database)["compacted_shard"] >= 3
    assert not compactor.step()
    clock[0] += timedelta(hours=1)
    assert compactor.step()


def doctor_says(settings: Settings) -> str:
    return next(each.state for each in doctor.shards(settings) if each.check == "scores of test")
