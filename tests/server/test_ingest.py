"""What `dva ingest` makes of tars: units and indexes, whole shards only, once only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from dva_agent.errors import BundleError
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.config import Settings
from server.db import Database
from server.errors import PoolError, ShardError
from server.pools import survey as module
from server.pools.models import Pool, Shard, Unit
from server.pools.services import get_pool, shards_of
from server.pools.shards import find_shards
from server.pools.survey import cut_units
from server.pools.tar import TarPair
from tests.server.ingesting import Ingest
from tests.server.pool_factory import (
    FILES,
    GOLDEN_SCORES,
    golden_pairs,
    members,
    picture,
    uid,
    write_bundle,
    write_tar,
)


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def test_units_are_runs_of_pairs(run: Ingest, pool_folder: Path) -> None:
    done = run(pool_folder)
    assert (done.added, done.pairs, done.units, done.skipped, done.refused) == (2, 16, 5, 0, [])
    assert [len(pairs) for pairs in run.pairs()] == [4, 4, 2, 4, 2]
    assert [pair.uid for pairs in run.pairs() for pair in pairs] == [uid(n) for n in range(16)]
    with run.database.read() as session:
        pool = get_pool(session, "test")
        assert (pool.title, pool.licence, pool.attribution, pool.safe) == (
            "Test pool",
            "CC0",
            "nobody",
            True,
        )
        units = session.scalars(select(Unit).order_by(Unit.id)).all()
        assert [(unit.number, unit.first_pair, unit.pairs) for unit in units] == [
            (0, 0, 4),
            (1, 4, 4),
            (2, 8, 2),
            (0, 0, 4),
            (1, 4, 2),
        ]
        for unit, pairs in zip(units, run.pairs(), strict=True):
            for pair in pairs:
                for span in (pair.image, pair.caption):
                    assert span
                    assert unit.span_start <= span.start
                    assert span.start + span.size <= unit.span_start + unit.span_size


def test_the_offsets_are_the_members(run: Ingest, pool_folder: Path) -> None:
    run(pool_folder)
    body = (pool_folder / "00001.tar").read_bytes()
    for number, pair in enumerate(pair for pairs in run.pairs()[3:] for pair in pairs):
        assert pair.image
        assert body[pair.image.start :][: pair.image.size] == picture(10 + number)


def test_repeating_it_adds_nothing(run: Ingest, pool_folder: Path) -> None:
    run(pool_folder)
    again = run(pool_folder)
    assert (again.added, again.skipped, again.units) == (0, 2, 0)
    assert run.count(Unit) == 5


def test_a_pool_grows(run: Ingest, pool_folder: Path) -> None:
    run(pool_folder / "00000.tar")
    assert run.count(Unit) == 3
    done = run(pool_folder)
    assert (done.added, done.skipped) == (1, 1)
    assert run.count(Unit) == 5


def test_a_shard_that_moved_is_known_by_its_content(
    run: Ingest, pool_folder: Path, tmp_path: Path
) -> None:
    run(pool_folder / "00000.tar")
    moved = Path(shutil.copy(pool_folder / "00000.tar", tmp_path / "00000.tar"))
    assert run(moved).skipped == 1
    with run.database.read() as session:
        [shard] = shards_of(session, get_pool(session, "test"))
        assert shard.path == str(moved)


def test_other_content_under_a_known_name_is_refused(
    run: Ingest, pool_folder: Path, tmp_path: Path
) -> None:
    run(pool_folder)
    other = write_tar(tmp_path / "00000.tar", members(500, 3))
    done = run(other)
    assert [(path.name, error.code) for path, error in done.refused] == [
        ("00000.tar", "shard_changed")
    ]
    assert run.count(Unit) == 5
    assert run.pairs()[0][0].uid == uid(0)


def test_a_bad_shard_leaves_nothing_and_stops_nobody(
    run: Ingest, settings: Settings, tmp_path: Path
) -> None:
    for name in ("a", "c"):
        write_tar(tmp_path / f"{name}.tar", members(ord(name), 5))
    body = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(body[:9000])
    done = run(tmp_path)
    assert (done.added, done.pairs) == (2, 10)
    assert [(path.name, error.code) for path, error in done.refused] == [
        ("b.tar", "shard_truncated")
    ]
    assert run.count(Shard) == 2
    index = settings.pools / "test" / "index"
    assert sorted(path.name for path in index.iterdir()) == ["a.parquet", "c.parquet"]
    (tmp_path / "b.tar").write_bytes((write_tar(tmp_path / "x", members(900, 5))).read_bytes())
    done = run(tmp_path)
    assert (done.added, done.skipped, done.refused) == (1, 2, [])


def test_when_every_shard_is_bad_there_is_no_pool(run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar")
    assert len(run(tmp_path).refused) == 1
    assert run.count(Pool) == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([], "shard_empty"),
        ([("README.md", b"x")], "shard_empty"),
        ([("1.json", b'{"uid": "a"}'), ("2.json", b'{"uid": "a"}')], "uid_duplicate"),
        ([("1.jpg", b"x"), ("2.jpg", b"x"), ("1.txt", b"x")], "pair_duplicate"),
        ([("../1.jpg", b"x")], "shard_hostile"),
    ],
)
def test_what_a_shard_is_refused_for(
    run: Ingest, tmp_path: Path, content: list[tuple[str, bytes]], code: str
) -> None:
    done = run(write_tar(tmp_path / "a.tar", content))
    assert [error.code for _, error in done.refused] == [code]
    assert run.count(Unit) == 0


def test_uids_are_made_up_where_there_is_none(run: Ingest, tmp_path: Path) -> None:
    odd = [b'{"uid": ""}', b'{"uid": 5}', b'{"uid": "a b"}', b'{"uid": "%s"}' % (b"a" * 65), b"{"]
    content = [(f"{number}.json", record) for number, record in enumerate(odd)]
    run(write_tar(tmp_path / "a.tar", content), pool="one")
    run(write_tar(tmp_path / "a.tar", content), pool="two")
    one, two = ([pair.uid for unit in run.pairs(pool) for pair in unit] for pool in ("one", "two"))
    assert len(set(one + two)) == 10
    assert all(len(made) == 32 for made in one)


def test_a_bundle_scores_a_pool_for_good(run: Ingest, pool_folder: Path, tmp_path: Path) -> None:
    run(pool_folder / "00000.tar")
    write_bundle(tmp_path, {**FILES, "text.onnx": b"other weights"})
    with pytest.raises(PoolError) as caught:
        run(pool_folder, bundle=tmp_path)
    assert caught.value.code == "pool_bundle_differs"
    assert run.count(Unit) == 3
    run(pool_folder, bundle=tmp_path, pool="other")


@pytest.mark.parametrize(
    ("golden", "code"),
    [
        (golden_pairs([0.2 + score / 20 for score in GOLDEN_SCORES]), "bundle_unauditable"),
        (b"{}", "bundle_invalid"),
    ],
)
def test_a_bundle_by_which_no_audit_could_tell_is_refused(
    run: Ingest, pool_folder: Path, tmp_path: Path, golden: bytes, code: str
) -> None:
    write_bundle(tmp_path, {**FILES, "golden/golden.json": golden})
    with pytest.raises(BundleError) as caught:
        run(pool_folder, bundle=tmp_path)
    assert caught.value.code == code
    assert caught.value.next_step
    assert run.count(Pool) == 0
    assert not run.settings.bundles.exists()
    run(pool_folder, bundle=tmp_path, agent="caption-statistics")
    assert run.count(Unit) == 5


def test_a_shard_that_pool_json_doesnt_know(run: Ingest, pool_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(pool_folder, tmp_path / "pool")
    shards = [{"path": "00000.tar", "sha256": "0" * 64}]
    (tmp_path / "pool" / "pool.json").write_text(json.dumps({"shards": shards}))
    done = run(tmp_path / "pool")
    assert [error.code for _, error in done.refused] == ["shard_differs"]
    assert done.added == 1


@pytest.mark.parametrize("record", ["", "[]", '{"safe": "yes"}', "\x00"])
def test_a_pool_json_that_is_none(run: Ingest, tmp_path: Path, record: str) -> None:
    write_tar(tmp_path / "a.tar", members(0, 1))
    (tmp_path / "pool.json").write_text(record)
    with pytest.raises(PoolError, match=r"pool\.json"):
        run(tmp_path)
    assert run.count(Pool) == 0


@pytest.mark.parametrize("name", ["", "A", "a b", "../a", "-a", "a" * 41, "ü"])
def test_names_a_pool_cant_have(run: Ingest, pool_folder: Path, name: str) -> None:
    with pytest.raises(PoolError):
        run(pool_folder, pool=name)


def test_which_paths_are_shards(tmp_path: Path) -> None:
    write_tar(tmp_path / "b.tar", [])
    write_tar(tmp_path / "a.tar", [])
    (tmp_path / "a.txt").touch()
    found = [shard.path for shard in find_shards([tmp_path])]
    assert found == [tmp_path / "a.tar", tmp_path / "b.tar"]
    assert find_shards([tmp_path, tmp_path / "a.tar"]) == find_shards([tmp_path])
    write_tar(tmp_path / "other" / "a.tar", [])
    os.mkfifo(tmp_path / "fifo.tar")
    (tmp_path / "empty").mkdir()
    for paths in (
        [tmp_path / "a.txt"],
        [tmp_path / "nowhere.tar"],
        [tmp_path / "fifo.tar"],
        [tmp_path / "empty"],
        [tmp_path / "a.tar", tmp_path / "other"],
        [],
    ):
        with pytest.raises(PoolError):
            find_shards(paths)


def test_a_link_is_a_shard_under_its_own_name(run: Ingest, tmp_path: Path) -> None:
    """As a Hugging Face snapshot lies: links to blobs that are called by their digests."""
    blob = write_tar(tmp_path / "blobs" / "a digest!.tar", members(0, 3))
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "00000.tar").symlink_to("../blobs/a digest!.tar")
    digest = hashlib.sha256(blob.read_bytes()).hexdigest()
    record = {"title": "Linked", "shards": [{"path": "00000.tar", "sha256": digest}]}
    (snapshot / "pool.json").write_text(json.dumps(record))
    (tmp_path / "also").symlink_to(snapshot)
    done = run(snapshot, tmp_path / "also")
    assert (done.added, done.refused) == (1, [])
    with run.database.read() as session:
        pool = get_pool(session, "test")
        [shard] = shards_of(session, pool)
        assert (pool.title, shard.name, shard.path) == (
            "Linked",
            "00000",
            str(snapshot / "00000.tar"),
        )
    assert run(snapshot).skipped == 1


def test_progress_ends_at_the_total(run: Ingest, pool_folder: Path) -> None:
    run(pool_folder)
    total = sum(path.stat().st_size for path in pool_folder.glob("*.tar"))
    assert run.progress[0] == (0, total)
    assert run.progress[-1] == (total, total)
    assert run.progress == sorted(run.progress)


@given(
    sizes=st.lists(st.integers(1, 5 * module.MAX_UNIT_BYTES // 4), max_size=60),
    size=st.integers(1, 10),
)
def test_units_cover_all_pairs_within_the_limits(sizes: list[int], size: int) -> None:
    pairs = []
    start = 0
    for number, length in enumerate(sizes):
        pairs.append(
            TarPair(
                key=str(number),
                image=None,
                caption=None,
                record={},
                start=start,
                end=start + length,
            )
        )
        start += length
    if max(sizes, default=0) > module.MAX_UNIT_BYTES:
        with pytest.raises(ShardError):
            list(cut_units(pairs, size))
        return
    units = list(cut_units(pairs, size))
    assert [pair for unit in units for pair in unit] == pairs
    for unit in units:
        assert 1 <= len(unit) <= size
        assert unit[-1].end - unit[0].start <= module.MAX_UNIT_BYTES
    for unit, following in pairwise(units):
        full = following[0].end - unit[0].start > module.MAX_UNIT_BYTES
        assert len(unit) == size or full
