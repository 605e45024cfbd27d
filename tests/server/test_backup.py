"""A backup is made while a server works, and from it everything comes back."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dva_agent.protocol import ROOT
from flask import Flask

from server import create_app
from server.cli import backup
from server.compaction.services import bring_back
from server.config import Settings
from server.db import Database, now
from server.doctor import data
from server.keys import secret_key
from server.migrations import migrate
from tests.server.api import Api
from tests.server.auditing import PASSED, Trial
from tests.server.command import Dva
from tests.server.compacting import LONG_AFTER, age, compact, fill, take_in
from tests.server.conftest import BINARIES, UNITS
from tests.server.postgres import Cluster
from tests.server.process import environment

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
EXPECTED = 10 + 6


@pytest.fixture
def dva(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dva:
    return Dva(monkeypatch, capsys)


def told(name: str) -> str:
    """The commands under the document's heading of this name."""
    part = DOCUMENT.read_text().partition(f"### {name}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^    (.*)$", part, re.MULTILINE)
    assert lines, name
    return "\n".join(lines)


def run(script: str, settings: Settings, **more: str) -> None:
    """As an operator would, with the commands of this very environment and PostgreSQL's own."""
    path = [str(Path(sys.executable).parent), *([str(BINARIES)] if BINARIES else [])]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={
            **environment(settings),
            **more,
            "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def finish_all(api: Api) -> None:
    while leases := api.lease().leases:
        api.finish(leases[0])


def scored(dva: Dva, settings: Settings, out: Path) -> int:
    done = dva(settings, "scores", "test", "--out", str(out))
    assert done.status == 0, done.err
    return len(pq.read_table(out))


@contextmanager
def restored(settings: Settings, database: Database, backup: str) -> Iterator[Settings]:
    """By the document's commands, after everything was lost."""
    database.close()
    shutil.rmtree(settings.data)
    if settings.is_embedded:
        run(told("Restore, SQLite"), settings, BACKUP=backup)
        yield settings
        return
    base, _, options = settings.database.partition("?")
    admin = f"{base.rpartition('/')[0]}/postgres?{options}"
    new = dataclasses.replace(settings, database=settings.database.replace(base, base + "_new"))
    name = base.rpartition("/")[2] + "_new"
    try:
        run(f'createdb --maintenance-db="{admin}" {name}', settings)
        run(told("Restore, PostgreSQL"), new, BACKUP=backup)
        yield new
    finally:
        run(f'dropdb --force --maintenance-db="{admin}" {name}', settings)


def test_what_is_written_meanwhile_is_whole_or_not_there(
    dva: Dva, settings: Settings, api: Api, pool: str, tmp_path: Path
) -> None:
    api.finish(api.lease().leases[0])
    for place in (settings.bundles, settings.licences, settings.scores / "test"):
        (place / ".partial-killed").mkdir(parents=True)
    (settings.pools / "test" / "index" / "00009.parquet.partial").touch()
    done = dva(settings, "backup", str(tmp_path / "copy"))
    assert done.status == 0, done.err
    assert ("pg_dump" in done.err) is not settings.is_embedded
    finish_all(api)
    assert {path.name for path in (tmp_path / "copy").iterdir()} >= {"bundles", "pools"}
    assert not [path for path in (tmp_path / "copy").rglob("*") if "partial" in path.name]
    again = dva(settings, "backup", str(tmp_path / "copy"))
    assert again.status == 1
    assert "[backup_refused]" in again.err
    assert not list(tmp_path.glob(".partial-*"))
    if settings.is_embedded:
        copy = Settings(data=tmp_path / "copy")
        assert 0 < scored(dva, copy, tmp_path / "out") < EXPECTED


def test_the_documents_backup_and_restore(
    dva: Dva, settings: Settings, database: Database, api: Api, pool: str, tmp_path: Path
) -> None:
    finish_all(api)
    kind = "SQLite" if settings.is_embedded else "PostgreSQL"
    backup = str(tmp_path / "copy")
    run(told(f"Backup, {kind}"), settings, BACKUP=backup)
    with restored(settings, database, backup) as back:
        assert scored(dva, back, tmp_path / "out") == EXPECTED


@pytest.mark.parametrize("meanwhile", ["compact", "undo and compact"])
def test_whatever_compaction_does_meanwhile(
    dva: Dva,
    settings: Settings,
    database: Database,
    app: Flask,
    bundle_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: str,
) -> None:
    """Between the rows and the files."""
    pool = take_in(database, settings, bundle_folder, tmp_path / "tars")
    trial = Trial(database, settings)
    fill(app, trial, 4)
    if meanwhile != "compact":
        compact(database, settings)
    expected = scored(dva, settings, tmp_path / "before")

    def happens() -> None:
        for path in settings.scores.glob("test/*.parquet"):
            at = now() + LONG_AFTER
            secret = trial.court.secret
            bring_back(database, settings, secret, pool=pool, shard=path.stem, at=at)
        trial.end_all(PASSED)
        age(database)
        if meanwhile.endswith("compact"):
            compact(database, settings, after=LONG_AFTER + timedelta(hours=1))

    copy = str(tmp_path / "copy")
    if settings.is_embedded:
        whole = backup._copy_sqlite

        def copied(store: Database, path: Path) -> None:
            whole(store, path)
            happens()

        monkeypatch.setattr(backup, "_copy_sqlite", copied)
        assert dva(settings, "backup", copy).status == 0
    else:
        rows, *files = told("Backup, PostgreSQL").splitlines()
        run(rows, settings, BACKUP=copy)
        happens()
        run("\n".join(files), settings, BACKUP=copy)
    with restored(settings, database, copy) as back:
        assert scored(dva, back, tmp_path / "out") == expected
        assert {found.state for found in data.shards(back)} == {"ok"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_moving_to_another_database(
    dva: Dva,
    settings: Settings,
    api: Api,
    pool: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Leases that were held go on, and new rows get new numbers."""
    first = api.lease(2).leases
    api.finish(first[0], more=1)
    target = f"sqlite:///{tmp_path / 'other.db'}"
    name = None
    if BINARIES:
        cluster: Cluster = request.getfixturevalue("postgres")
        name = cluster.create()
        target = cluster.url(name)
    done = dva(settings, "copy-database", target)
    assert done.status == 0, done.err
    refused = dva(settings, "copy-database", target)
    assert "[backup_refused]" in refused.err
    moved = dataclasses.replace(settings, database=target, secret_key=secret_key(settings))
    database = Database(moved.database_url)
    migrate(database)
    app = create_app(moved, database)
    known = api.twin(app)
    known.finish(first[1])
    other = Api(app)
    finish_all(other)
    [status] = other.status().pools
    assert status.units_done == UNITS - 1, "one is leased to the first device"
    assert app.test_client().get(ROOT + "/status").status_code == 200
    database.close()
    if name is not None:
        cluster.drop(name)
