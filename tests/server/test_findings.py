"""What ingest counts as wrong with pairs: by kind, shard and host, once, whatever is repeated."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config import Settings
from server.db import Database
from server.pools import findings, services
from server.pools.downloads import RecordError, read_record
from server.pools.files import uids_path
from server.pools.known_uids import KnownUids
from tests.server.ingesting import Ingest
from tests.server.pool_factory import members, picture, uid, write_tar


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def stored(run: Ingest) -> tuple[Mapping[str, int], list[tuple[str, Mapping[str, int]]]]:
    with run.database.read() as session:
        pool = services.get_pool(session, "test")
        return services.findings_of_pool(session, pool), services.worst_hosts(session, pool, 9)


def downloaded(number: int, **changes: object) -> Iterator[tuple[str, bytes]]:
    """A pair as img2dataset writes it without encoding pictures anew."""
    record = {
        "uid": uid(number),
        "url": f"https://h{number}.example/x.jpg",
        "width": 16,
        "height": 16,
        "original_width": 16,
        "original_height": 16,
        "sha256": hashlib.sha256(picture(number)).hexdigest(),
        **changes,
    }
    yield f"{number}.jpg", picture(number)
    yield f"{number}.json", json.dumps(record).encode()
    yield f"{number}.txt", b"x"


def test_a_picture_that_is_not_what_its_sha256_says(run: Ingest, tmp_path: Path) -> None:
    other = "0" * 64
    pairs = [
        *downloaded(1),
        *downloaded(2, sha256=other),
        *downloaded(3, sha256=other, original_width=640),
        *downloaded(4, sha256="no sha256"),
    ]
    done = run(write_tar(tmp_path / "a.tar", pairs))
    assert done.findings.hosts == {("hash_drift", "h2.example"): 1}


def test_pictures_that_were_all_encoded_anew_tell_nothing(run: Ingest, tmp_path: Path) -> None:
    pairs = [*downloaded(1, sha256="0" * 64), *downloaded(2, sha256="1" * 64)]
    assert run(write_tar(tmp_path / "a.tar", pairs)).findings.kinds == {}


def test_pictures_that_no_engine_takes(run: Ingest, tmp_path: Path) -> None:
    pairs = [
        ("1.txt", b"no picture"),
        ("2.jpg", b""),
        ("3.jpg", b"<html>"),
        ("4.jpg", picture(4)[:30]),
        ("5.jpg", picture(5)),
    ]
    done = run(write_tar(tmp_path / "a.tar", pairs))
    assert (done.pairs, done.findings.kinds) == (5, {"unreadable": 4})


def test_uids_that_another_shard_has(run: Ingest, tmp_path: Path) -> None:
    a = write_tar(tmp_path / "a.tar", members(0, 10))
    b = write_tar(tmp_path / "b.tar", members(6, 8))
    c = write_tar(tmp_path / "c.tar", members(5, 2))
    assert run(a, b).findings.kinds == {"duplicate_uid": 4}
    shutil.rmtree(uids_path(run.settings, "test"))
    assert run(a, b, c).findings.kinds == {"duplicate_uid": 2}
    assert run(a, b, c).findings.kinds == {}
    assert stored(run)[0] == {"duplicate_uid": 6}
    assert run(c, pool="other").findings.kinds == {}


def write_record(path: Path, rows: list[tuple[str, str, str | None]]) -> None:
    columns = list(zip(*rows, strict=True))
    names = ["url", "status", "error_message"]
    pq.write_table(pa.table([list(column) for column in columns], names=names), path)


ROWS = [
    ("https://a.example/1.jpg", "success", None),
    ("https://a.example/2.jpg", "failed_to_download", "HTTP Error 404: Not Found"),
    ("https://a.example/3.jpg", "failed_to_download", "hash mismatch"),
    (
        "https://b.example/4.jpg",
        "failed_to_download",
        "Use of image disallowed by X-Robots-Tag directive",
    ),
    ("https://b.example/5.jpg", "failed_to_resize", "image decoding error"),
    ("https://b.example/6.jpg", "failed_to_resize", "image too small"),
    ("nonsense", "failed_to_download", None),
]
STATS = {
    "count": 7,
    "successes": 1,
    "failed_to_download": 4,
    "failed_to_resize": 2,
    "status_dict": {
        "success": 1,
        "HTTP Error 404: Not Found": 1,
        "hash mismatch": 1,
        "Use of image disallowed by X-Robots-Tag directive": 1,
        "image decoding error": 1,
        "image too small": 1,
    },
}
KINDS = {"dead_link": 2, "hash_drift": 1, "opted_out": 1, "unfit": 1, "unreadable": 1}


def test_an_output_folder_of_img2dataset(run: Ingest, tmp_path: Path) -> None:
    for number in range(3):
        write_tar(tmp_path / f"{number:05d}.tar", members(10 * number, 3))
    write_record(tmp_path / "00000.parquet", ROWS)
    (tmp_path / "00000_stats.json").write_text(json.dumps(STATS))
    (tmp_path / "00001_stats.json").write_text(json.dumps(STATS))
    (tmp_path / "00002.parquet").write_bytes(b"no Parquet")
    done = run(tmp_path)
    assert (done.added, done.refused) == (3, [])
    assert [note.split(" can't")[0] for note in done.notes] == [str(tmp_path / "00002.parquet")]
    assert {name: found.kinds for name, found in done.by_shard.items()} == {
        "00000": KINDS,
        "00001": KINDS,
    }
    kinds, hosts = stored(run)
    assert kinds == {kind: 2 * pairs for kind, pairs in KINDS.items()}
    assert hosts == [
        ("b.example", {"opted_out": 1, "unfit": 1, "unreadable": 1}),
        ("a.example", {"dead_link": 1, "hash_drift": 1}),
    ]
    assert run(tmp_path).skipped == 3
    assert stored(run) == (kinds, hosts)


@pytest.mark.parametrize(
    "stats",
    ["", "[]", "[" * 5000, '{"failed_to_download": -1}', '{"failed_to_download": 1e30}', "\xff"],
)
def test_stats_that_are_none(tmp_path: Path, stats: str) -> None:
    (tmp_path / "a_stats.json").write_text(stats, encoding="latin-1")
    with pytest.raises(RecordError):
        read_record(tmp_path / "a.tar")


def test_a_table_of_something_else_is_no_record(tmp_path: Path) -> None:
    pq.write_table(pa.table({"uid": ["a"], "status": ["x"]}), tmp_path / "a.parquet")
    assert read_record(tmp_path / "a.tar").kinds == {}
    pq.write_table(
        pa.table({"url": [1, 2], "status": ["failed_to_download"] * 2, "error_message": [[1], []]}),
        tmp_path / "a.parquet",
    )
    assert read_record(tmp_path / "a.tar").hosts == {("dead_link", ""): 2}


def test_hosts_are_bounded(run: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "SHARD_HOSTS", 2)
    monkeypatch.setattr(findings, "POOL_HOSTS", 3)
    for name, hosts in (("a", "vvvwwx"), ("b", "yyyzzv")):
        write_tar(tmp_path / f"{name}.tar", members(ord(name), 1))
        write_record(
            tmp_path / f"{name}.parquet",
            [(f"https://{host}.example/", "failed_to_download", "") for host in hosts],
        )
    run(tmp_path)
    assert stored(run) == (
        {"dead_link": 12},
        [(f"{host}.example", {"dead_link": n}) for host, n in (("v", 3), ("w", 2))],
    )


@given(
    shards=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12),
    flush=st.sets(st.integers(0, 11)),
    asked=st.lists(st.integers(0, 60), max_size=20),
)
def test_known_uids_are_those_that_were_added(
    tmp_path_factory: pytest.TempPathFactory,
    shards: list[list[int]],
    flush: set[int],
    asked: list[int],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "known"
    shutil.rmtree(folder, ignore_errors=True)
    known = KnownUids(folder)
    for number, uids in enumerate(shards):
        known.add(str(number), [str(uid) for uid in uids])
        if number in flush:
            known.flush()
            known = KnownUids(folder)
    there = {uid for uids in shards for uid in uids}
    assert known.shards == {str(number) for number in range(len(shards))}
    found = known.contains([str(uid) for uid in asked])
    assert np.array_equal(found, [uid in there for uid in asked])


def test_a_run_that_is_broken_is_read_anew(tmp_path: Path) -> None:
    known = KnownUids(tmp_path)
    known.add("a", ["1"])
    known.flush()
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:20])
    assert KnownUids(tmp_path).shards == set()
