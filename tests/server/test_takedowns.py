"""A takedown takes its pairs out of every pool, whenever they come, and is on record."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dva_agent.protocol import Lease
from flask import Flask

from server.config import Settings
from server.db import Database, now
from server.errors import PoolError
from server.pools import metadata
from server.pools.index import PAIRS
from server.pools.search import Sought, sought
from server.pools.services import get_pool, index_path, shards_of
from server.reports import services, takedowns
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.ingesting import Ingest
from tests.server.pool_factory import picture, uid, write_tar

WHY = ("--why", "they asked")
HOSTS = ("a.example", "cdn.a.example", "aa.example", None)


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def write_shard(path: Path, first: int, pairs: int) -> Path:
    content: list[tuple[str, bytes]] = []
    for number in range(first, first + pairs):
        host = HOSTS[number % 4]
        record: dict[str, object] = {"uid": uid(number)}
        if host:
            record["url"] = f"https://{host}/{number}.jpg"
        if number == first + 1:
            record["sha256"] = "ab" * 32
        content += [(f"{number}.jpg", picture(40 * number)), (f"{number}.txt", b"x")]
        content += [(f"{number}.json", json.dumps(record).encode())]
    return write_tar(path, content)


@pytest.fixture
def two_pools(run: Ingest, tmp_path: Path) -> Path:
    """One pool has pairs 0 to 9 in units of 4, 4, 2; another 8 to 13."""
    run(write_shard(tmp_path / "a" / "a.tar", 0, 10), pool="one")
    run(write_shard(tmp_path / "b" / "b.tar", 8, 6), pool="two")
    return tmp_path


def gone(database: Database, pool: str | None = None) -> set[str]:
    with database.read() as session:
        return {pair.uid for pair in services.listed(session, pool=pool, states=["confirmed"])}


def leases(app: Flask) -> list[Lease]:
    return Api(app).lease(8).leases


def test_a_uid_is_gone_from_leases_of_all_pools(
    dva: Dva, app: Flask, settings: Settings, database: Database, two_pools: Path
) -> None:
    done = dva(settings, "takedown", "--uid", uid(8).upper(), *WHY)
    assert (done.status, done.out) == (0, "2 pairs are taken down: one 1, two 1\n")
    found = [pair for lease in leases(app) for pair in lease.pairs]
    assert {pair.uid for pair in found if pair.withheld} == {uid(8)}
    assert all(pair.image is None and pair.caption is None for pair in found if pair.withheld)
    again = dva(settings, "takedown", "--uid", uid(8), "--why", "another reason")
    assert again.out == done.out
    [listed] = json.loads(dva(settings, "takedown", "--list", "--json").out)
    assert (listed["why"], listed["pairs"], listed["kind"]) == ("they asked", 2, "uid")
    assert listed["ordered_by"]
    line = dva(settings, "takedown", "--list").out
    assert f"uid {uid(8)}  2 pairs  they asked" in line
    assert "takedown 1" in dva(settings, "reports", "list", "one", "--state", "confirmed").out


def test_scores_that_were_made_are_gone_from_tables(
    dva: Dva, api: Api, settings: Settings, two_pools: Path, tmp_path: Path
) -> None:
    for lease in api.lease(8).leases:
        api.finish(lease)
    assert dva(settings, "takedown", "--url-host", "A.example", *WHY).status == 0
    assert dva(settings, "scores", "one", "--out", str(tmp_path / "out")).status == 0
    kept = {uid(number) for number in range(10) if number % 4 > 1}
    assert set(pq.read_table(tmp_path / "out")["uid"].to_pylist()) == kept


@pytest.mark.parametrize(
    ("host", "numbers"),
    [
        ("a.example", {0, 1, 4, 5, 8, 9}),
        ("cdn.a.example", {1, 5, 9}),
        ("aa.example", {2, 6}),
        ("example", {0, 1, 2, 4, 5, 6, 8, 9}),
        ("b.example", set()),
    ],
)
def test_a_host_and_those_under_it(
    run: Ingest, database: Database, two_pools: Path, host: str, numbers: set[int]
) -> None:
    order(run, sought("url_host", host))
    assert gone(database, "one") == {uid(number) for number in numbers}


def order(run: Ingest, wanted: Sought) -> takedowns.Searched:
    with run.database.write() as session:
        number = takedowns.order(session, wanted, why="x", by="me", at=now())
    return takedowns.carry_out(run.database, run.settings, number, now())


def test_a_host_in_an_index_from_before_they_were_kept(
    run: Ingest, database: Database, two_pools: Path
) -> None:
    path = index_path(run.settings, "one", "a")
    table = pq.ParquetFile(path)
    groups = [table.read_row_group(n, PAIRS.names) for n in range(table.num_row_groups)]
    with pq.ParquetWriter(path, PAIRS) as writer:
        for group in groups:
            writer.write_table(group)
    assert not set(pq.read_schema(path).names) & set(metadata.SCHEMA.names)
    order(run, sought("url_host", "aa.example"))
    assert gone(database, "one") == {uid(2), uid(6)}


def test_a_picture_by_its_sha256_or_its_original_s(
    run: Ingest, database: Database, two_pools: Path
) -> None:
    order(run, sought("sha256", hashlib.sha256(picture(40 * 9)).hexdigest()))
    assert gone(database) == {uid(9)}
    order(run, sought("sha256", "AB" * 32))
    assert gone(database) == {uid(9), uid(1)}


def test_what_comes_later_is_held_to_it(
    dva: Dva, settings: Settings, run: Ingest, bundle_folder: Path, two_pools: Path
) -> None:
    dva(settings, "takedown", "--uid", uid(20), *WHY)
    dva(settings, "takedown", "--sha256", hashlib.sha256(picture(40 * 22)).hexdigest(), *WHY)
    dva(settings, "takedown", "--url-host", "a.example", *WHY)
    later = write_shard(two_pools / "c.tar", 20, 8)
    bundle = ("--bundle", str(bundle_folder), "--accept-license")
    done = dva(settings, "ingest", "two", str(later), *bundle)
    assert "found: 5 taken_down" in done.err
    kept = [pair.uid for pairs in run.pairs("two") for pair in pairs]
    assert kept[6:] == [uid(23), uid(26), uid(27)]


def test_a_shard_that_isnt_there_is_told_of(
    dva: Dva, settings: Settings, database: Database, two_pools: Path
) -> None:
    away = (two_pools / "a" / "a.tar").rename(two_pools / "away")
    digest = hashlib.sha256(picture(40 * 8)).hexdigest()
    done = dva(settings, "takedown", "--sha256", digest, *WHY)
    assert (done.status, "takedown_incomplete" in done.err) == (1, True)
    assert "one/a: The shard a can't be read." in done.err
    assert gone(database, "two") == {uid(8)}
    assert "NOT FINISHED" in dva(settings, "takedown", "--list").out
    away.rename(two_pools / "a" / "a.tar")
    assert dva(settings, "takedown", "--sha256", digest, *WHY).status == 0
    assert "NOT FINISHED" not in dva(settings, "takedown", "--list").out
    assert gone(database, "one") == {uid(8)}


def test_an_index_that_cant_be_read_keeps_no_other_shard_from_its_turn(
    dva: Dva, settings: Settings, database: Database, two_pools: Path
) -> None:
    index_path(settings, "one", "a").write_bytes(b"no parquet")
    done = dva(settings, "takedown", "--uid", uid(8), *WHY)
    assert (done.status, "takedown_incomplete" in done.err) == (1, True)
    assert gone(database, "two") == {uid(8)}


def test_it_takes_what_was_restored(
    dva: Dva, api: Api, settings: Settings, database: Database, two_pools: Path
) -> None:
    with database.write() as session:
        [shard] = shards_of(session, get_pool(session, "one"))
    dva(settings, "takedown", "--uid", uid(0), *WHY)
    assert dva(settings, "reports", "restore", "1").status == 0
    assert gone(database) == set()
    dva(settings, "takedown", "--uid", uid(0), *WHY)
    assert gone(database) == {uid(0)}
    assert shard.name == "a"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--uid", "a"),
        ("--uid", "a", "--why", " "),
        ("--uid", "a", "--sha256", "b", *WHY),
        ("--list", "--uid", "a"),
        ("--uid", "a b", *WHY),
        ("--sha256", "ab", *WHY),
        ("--url-host", "https://a.example/", *WHY),
    ],
)
def test_what_is_no_order(
    dva: Dva, settings: Settings, database: Database, arguments: tuple[str, ...]
) -> None:
    assert dva(settings, "takedown", *arguments).status in (1, 2)
    with database.read() as session:
        assert takedowns.listed(session) == []


def test_values() -> None:
    assert sought("uid", uid(1).upper()).value == uid(1)
    assert sought("uid", "Odd.One").value == "Odd.One"
    assert sought("url_host", "Images.Example.").value == "images.example"
    with pytest.raises(PoolError):
        sought("uid", "")
