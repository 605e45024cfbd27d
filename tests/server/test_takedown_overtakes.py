"""A takedown that is ordered while shards come in: no moment and no kill lets its pairs through."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from server.cli import ingest as command
from server.config import Settings
from server.db import Database, now
from server.doctor import unfinished
from server.pools import ingest as module
from server.pools.search import Sought, sought
from server.pools.services import index_path
from server.pools.survey import Survey
from server.reports import takedowns
from tests.server.ingesting import Ingest
from tests.server.killing import code, killed_at
from tests.server.pool_factory import picture, uid
from tests.server.test_takedowns import gone, order, write_shard

CODE = code("pools/ingest.py", "reports/takedowns.py", "db.py")
STRIDE = 9
"""Each moment takes a tenth of a second: every one is for whoever changes that code."""
NOBODYS = sought("uid", uid(99))


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def overtake(monkeypatch: pytest.MonkeyPatch, give: Callable[[], object]) -> list[str]:
    """An order is given each time a shard has been read and isn't stored yet; the shards read."""
    survey, read = module.survey, []

    def overtaken(path: Path, *arguments: Any) -> Survey:
        found = survey(path, *arguments)
        read.append(path.stem)
        give()
        return found

    monkeypatch.setattr(module, "survey", overtaken)
    return read


@pytest.mark.parametrize(
    "wanted",
    [
        sought("uid", uid(2)),
        sought("sha256", hashlib.sha256(picture(40 * 2)).hexdigest()),
        sought("url_host", "aa.example"),
        NOBODYS,
    ],
)
def test_what_is_ordered_after_a_shard_was_read_is_not_stored_with_it(
    run: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Sought
) -> None:
    read = overtake(monkeypatch, lambda: order(run, wanted))
    shards = write_shard(tmp_path / "a.tar", 0, 4), write_shard(tmp_path / "b.tar", 4, 2)
    done = run(*shards)
    kept = [pair.uid for pairs in run.pairs() for pair in pairs]
    if wanted == NOBODYS:
        assert (read, len(kept)) == (["a", "b"], 6), "no shard is read twice for nothing"
    else:
        assert read == ["a", "a", "b"]
        assert kept == [uid(number) for number in range(6) if number != 2]
        assert done.findings.kinds == {"taken_down": 1}
    assert gone(run.database) == set(), "it was never there"


def test_a_shard_of_which_nothing_is_left_leaves_nothing(
    run: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtake(monkeypatch, lambda: order(run, sought("uid", uid(2))))
    [(_, error)] = run(write_shard(tmp_path / "a.tar", 2, 1)).refused
    assert error.code == "shard_empty"
    assert not index_path(run.settings, "test", "a").exists()


def test_an_order_waits_for_a_shard_that_is_being_stored(run: Ingest, tmp_path: Path) -> None:
    """So it finds its pairs there."""
    run(write_shard(tmp_path / "a.tar", 0, 4))
    own = Database(run.settings.database_url)
    with ThreadPoolExecutor(1) as threads:
        with own.write() as session:
            assert takedowns.last(session) == 0
            ordered = threads.submit(order, run, sought("uid", uid(2)))
            with pytest.raises(TimeoutError):
                ordered.result(timeout=0.3)
        assert ordered.result(timeout=20).pairs == {"test": 1}
    own.close()


def test_an_ingest_that_is_killed_leaves_nothing_that_was_taken_down(
    run: Ingest, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = [write_shard(tmp_path / "a.tar", 0, 4), write_shard(tmp_path / "b.tar", 4, 4)]

    def give() -> None:
        own = Database(run.settings.database_url)
        with own.write() as session:
            takedowns.order(session, sought("uid", uid(2)), why="x", by="me", at=now())
        own.close()

    def take_in() -> None:
        own = Database(run.settings.database_url)
        command.ingest_into(own, run.settings, "test", shards, bundle_folder)

    overtake(monkeypatch, give)
    run.database.close()
    kills = 0
    for step in range(1, 1000, STRIDE):
        if not killed_at(step, take_in, CODE):
            break
        kills += 1
        assert uid(2) not in [pair.uid for pairs in run.pairs() for pair in pairs]
        run.database.close()
    assert kills > 5
    found = [pair.uid for pairs in run.pairs() for pair in pairs]
    assert found == [uid(number) for number in range(8) if number != 2]


def test_a_search_that_is_killed_is_told_of_and_goes_on(run: Ingest, tmp_path: Path) -> None:
    run(write_shard(tmp_path / "a.tar", 0, 10), write_shard(tmp_path / "b.tar", 10, 2))

    def search() -> None:
        own = Database(run.settings.database_url)
        order(Ingest(own, run.settings, run.bundle), sought("url_host", "aa.example"))

    run.database.close()
    told = []
    for step in range(1, 1000, STRIDE):
        if not killed_at(step, search, CODE):
            break
        with run.database.read() as session:
            listed = takedowns.listed(session)
        run.database.close()
        told += [each.done_at is None for each in listed]
        states = [found.state for found in unfinished.unfinished(run.settings)]
        assert states == ["warning" if each.done_at is None else "ok" for each in listed]
    assert sum(told) > 2
    assert gone(run.database) == {uid(2), uid(6), uid(10)}
    with run.database.read() as session:
        assert [each.done_at is None for each in takedowns.listed(session)] == [False]
