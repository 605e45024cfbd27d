"""Real databases, real pools on disk, the real app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from dva_agent.bundle import Manifest
from flask import Flask

from server import create_app
from server.admin import passwords
from server.config import Settings
from server.db import Database
from server.migrations import migrate
from server.pools.ingest import ingest
from server.trust.replication import operator as replication
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.pool_factory import write_bundle, write_pool
from tests.server.postgres import Cluster, cluster, find_binaries

BINARIES = find_binaries()
KINDS = ["sqlite", "postgresql"] if BINARIES else ["sqlite"]
UNIT_PAIRS = 4
SHARDS = (10, 6)
UNITS = 5


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    assert BINARIES
    with cluster(BINARIES) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_template(postgres: Cluster) -> str:
    name = postgres.create()
    _migrate(postgres.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """A data folder and a database with the schema and nothing in it, once on each database."""
    data = tmp_path / "data"
    data.mkdir()
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), data / "dva.db")
        yield Settings(data=data, unit_pairs=UNIT_PAIRS)
        return
    postgres: Cluster = request.getfixturevalue("postgres")
    name = postgres.create(request.getfixturevalue("postgres_template"))
    yield Settings(
        data=data, database=postgres.url(name), secret_key="k" * 32, unit_pairs=UNIT_PAIRS
    )
    postgres.drop(name)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.database_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder)
    return folder


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_bundle(tmp_path_factory.mktemp("manifest"))


@pytest.fixture(scope="session")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards: 10 pairs (units of 4, 4, 2) and 6 (4, 2)."""
    return write_pool(tmp_path_factory.mktemp("pool"), SHARDS)


@pytest.fixture
def pool(database: Database, settings: Settings, pool_folder: Path, bundle_folder: Path) -> str:
    """The name of an ingested pool of UNITS units."""
    ingest(
        database,
        settings,
        pool="test",
        paths=[pool_folder],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    return "test"


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real hash takes 64 MiB and a fifth of a second, many times over."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", cheap)


@pytest.fixture
def app(settings: Settings, database: Database) -> Flask:
    return create_app(settings, database)


@pytest.fixture
def api(app: Flask) -> Api:
    """A device that has registered."""
    return Api(app)


@pytest.fixture
def dva(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dva:
    return Dva(monkeypatch, capsys)


def _migrate(url: str) -> None:
    settings = Settings(database=url)
    database = Database(settings.database_url)
    migrate(database)
    database.close()


@pytest.fixture
def replicated(pool: str, database: Database) -> str:
    with database.write() as session:
        replication.change_policy(session, pool, "replication")
    return pool
