"""`dva audit` beside a database that refuses now and then."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dva_agent.backoff import Backoff
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from server.cli import audit as module
from server.config import Settings
from server.db import Database


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: Path) -> Settings:
    (tmp_path / "dva.db").write_bytes(sqlite_template.read_bytes())
    return Settings(data=tmp_path)


@pytest.fixture
def impatient(embedded: Settings) -> Iterator[Database]:
    """It waits for a lock as long as it takes to ask."""
    database = Database(embedded.database_url)
    event.listen(
        database.engine,
        "connect",
        lambda connection, _record: connection.execute("PRAGMA busy_timeout = 1"),
    )
    yield database
    database.close()


@pytest.fixture
def locked(embedded: Settings) -> Iterator[sqlite3.Connection]:
    """Somebody else writes, until this is rolled back."""
    path = embedded.data / "dva.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def run(settings: Settings, database: Database) -> None:
    module._run(settings, database, threading.Event(), threads=1, once=True, parent=None)


def test_a_locked_database_is_waited_for(
    embedded: Settings,
    impatient: Database,
    locked: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "BACKOFF", Backoff(first=0.5, longest=0.5))
    timer = threading.Timer(0.6, lambda: locked.execute("ROLLBACK"))
    timer.start()
    with caplog.at_level(logging.WARNING, "server.audit"):
        run(embedded, impatient)
    timer.join()
    assert caplog.messages
    assert all("database is locked" in message for message in caplog.messages)


def test_once_doesnt_wait_for_ever(
    embedded: Settings,
    impatient: Database,
    locked: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "BACKOFF", Backoff(first=0.01, longest=0.01))
    with pytest.raises(OperationalError, match="locked"):
        run(embedded, impatient)
    assert len(caplog.messages) == module.TRIES_ONCE


def test_what_waiting_doesnt_mend_ends_it(
    embedded: Settings, impatient: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with impatient.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE auditor")
    with pytest.raises(OperationalError, match="no such table"):
        run(embedded, impatient)
    assert not caplog.messages
