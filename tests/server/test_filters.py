"""What an operator's lists keep out of a pool while it is ingested."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from server.config import Settings
from server.db import Database
from server.errors import PoolError, ShardError
from server.pools.files import index_path
from server.pools.filters import LAYOUT, Filters, Gone, UidSet, read_filters, read_uids
from server.pools.index import IndexWriter, read_metadata, read_unit
from server.pools.models import Unit
from server.pools.survey import survey
from tests.server.command import Dva
from tests.server.ingesting import Ingest
from tests.server.pool_factory import picture, uid, write_tar

NSFW = (0.0, 0.25, 0.5, 0.75, 1.0)


def content(pairs: int) -> Iterator[tuple[str, bytes]]:
    """Each pair has another NSFW figure in turn, every sixth none."""
    for number in range(pairs):
        record: dict[str, object] = {"uid": uid(number), "url": f"https://h{number % 2}.example/x"}
        if number % 6 < 5:
            record["punsafe"] = NSFW[number % 6]
        yield f"{number}.jpg", picture(number)
        yield f"{number}.json", json.dumps(record).encode()
        yield f"{number}.txt", f"picture {number}".encode()


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def test_what_is_on_a_list_is_in_no_unit_and_in_no_unit_s_bytes(
    run: Ingest, tmp_path: Path
) -> None:
    shard = write_tar(tmp_path / "a.tar", content(12))
    (tmp_path / "uids.txt").write_text(f"# gone\n\n{uid(2).upper()}\nno-such-uid  # nowhere\n")
    digest = hashlib.sha256(picture(5)).hexdigest()
    (tmp_path / "hashes.txt").write_text(f"{digest.upper()}\n{'0' * 64}\n")
    filters = read_filters(tmp_path / "uids.txt", tmp_path / "hashes.txt", 0.5)
    done = run(shard, filters=filters)
    gone = {2, 3, 4, 5, 9, 10}
    assert done.findings.kinds == {"denied_uid": 1, "denied_hash": 1, "denied_nsfw": 4}
    assert done.findings.hosts["denied_nsfw", "h0.example"] == 2
    kept = [pair for pairs in run.pairs() for pair in pairs]
    assert [pair.uid for pair in kept] == [uid(n) for n in range(12) if n not in gone]
    body = shard.read_bytes()
    for pair, number in zip(kept, (n for n in range(12) if n not in gone), strict=True):
        assert pair.image
        assert pair.caption
        assert body[pair.image.start :][: pair.image.size] == picture(number)
        assert body[pair.caption.start :][: pair.caption.size] == f"picture {number}".encode()
    with run.database.read() as session:
        units = session.scalars(select(Unit).order_by(Unit.id)).all()
    assert [(unit.first_pair, unit.pairs) for unit in units] == [(0, 2), (2, 4)]
    for unit in units:
        sent = body[unit.span_start :][: unit.span_size]
        assert picture(2) not in sent
        assert picture(5) not in sent
    again = run(shard, filters=filters)
    assert (again.skipped, again.findings.kinds) == (1, {})


PAIRS = 12
NUMBERS = count()


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tar(tmp_path_factory.mktemp("shard") / "a.tar", content(PAIRS))


@hypothesis_settings(max_examples=50, deadline=None)
@given(
    denied=st.sets(st.integers(0, PAIRS - 1)),
    gone=st.sets(st.sampled_from(["h0.example", "example.h1", "h1"])),
    max_nsfw=st.none() | st.sampled_from(NSFW),
    size=st.integers(1, PAIRS),
)
def test_whatever_is_denied_the_others_stay_in_place(
    shard: Path, denied: set[int], gone: set[str], max_nsfw: float | None, size: int
) -> None:
    uids = frozenset(uid(number) for number in denied)
    filters = Filters(gone=Gone(uids=uids, hosts=frozenset(gone)), max_nsfw=max_nsfw)
    listed = denied | ({n for n in range(PAIRS) if n % 2 == 0} if "h0.example" in gone else set())
    unsafe = {
        n
        for n in range(PAIRS)
        if max_nsfw is not None and n % 6 < 5 and NSFW[n % 6] > max_nsfw and n not in listed
    }
    kept = [n for n in range(PAIRS) if n not in listed | unsafe]
    # Another one each time: what was read of an index is remembered by its name.
    path = shard.with_name(f"{next(NUMBERS)}.parquet")
    index = IndexWriter(path)
    try:
        if not kept:
            with pytest.raises(ShardError):
                survey(shard, "test", index, size, filters)
            return
        found = survey(shard, "test", index, size, filters)
        index.commit()
    finally:
        index.discard()
    assert found.uids == [uid(n) for n in kept]
    assert sum(found.findings.kinds.values()) == len(listed) + len(unsafe)
    body = shard.read_bytes()
    numbers = iter(kept)
    for unit in found.units:
        sent = body[unit.span_start :][: unit.span_size]
        for n in listed:
            # Neighbours' pictures may be the same bytes; captions and records aren't.
            assert f'"{uid(n)}"'.encode() not in sent
        pairs = read_unit(path, unit.number)
        assert 1 <= len(pairs) == unit.pairs <= size
        for pair in pairs:
            number = next(numbers)
            assert pair.uid == uid(number)
            assert pair.image
            assert pair.caption
            assert body[pair.image.start :][: pair.image.size] == picture(number)
            caption = body[pair.caption.start :][: pair.caption.size]
            assert caption == f"picture {number}".encode()
    assert next(numbers, None) is None


def test_a_lost_index_is_made_anew_as_its_units_were(
    run: Ingest, settings: Settings, tmp_path: Path
) -> None:
    """Whatever the lists and the size of units are by now."""
    shard = write_tar(tmp_path / "a.tar", content(12))
    (tmp_path / "uids.txt").write_text(f"{uid(0)}\n{uid(6)}\n")
    filters = read_filters(tmp_path / "uids.txt", None, 0.75)
    run(shard, filters=filters)
    index = index_path(settings, "test", "a")
    before, metadata = run.pairs(), read_metadata(index, 0)
    assert [len(pairs) for pairs in before] == [4, 4]
    index.unlink()
    again = replace(settings, unit_pairs=3)
    other = Ingest(run.database, again, run.bundle)
    done = other(shard, filters=Filters(max_nsfw=0.25))
    assert [error.code for _, error in done.refused] == ["index_lost"]
    assert not list(index.parent.iterdir())
    done = other(shard, filters=Filters(max_nsfw=0.75))
    assert (done.skipped, done.refused) == (1, [])
    assert done.notes == ["a.tar: its index was lost, and is made anew."]
    assert (run.pairs(), read_metadata(index, 0)) == (before, metadata)
    assert other(shard).notes == []
    other_tar = write_tar(tmp_path / "b.tar", content(2))
    assert other(other_tar).findings.kinds["duplicate_uid"] == 1, "uid 0 was denied"


def test_a_lost_index_of_other_content_is_not_made(
    run: Ingest, settings: Settings, tmp_path: Path
) -> None:
    shard = write_tar(tmp_path / "a.tar", content(2))
    run(shard)
    index_path(settings, "test", "a").unlink()
    times = shard.stat()
    body = shard.read_bytes()
    shard.write_bytes(body.replace(b"picture 1", b"picture 2"))
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    [(_, error)] = run(shard).refused
    assert error.code == "shard_changed"
    assert not index_path(settings, "test", "a").exists()


def test_a_shard_that_is_denied_whole_is_not_taken_in(run: Ingest, tmp_path: Path) -> None:
    done = run(write_tar(tmp_path / "a.tar", list(content(5))[9:]), filters=Filters(max_nsfw=0.25))
    [(_, error)] = done.refused
    assert (error.code, str(error)) == ("shard_empty", "All 2 pairs of the tar are denied.")
    assert done.findings.kinds == {}


def test_the_sha256_of_the_picture_as_it_was_downloaded_counts_too(
    run: Ingest, tmp_path: Path
) -> None:
    record = {"uid": "a", "sha256": "AB" * 32}
    more = [("2.jpg", picture(2)), ("2.txt", b"x")]
    shard = [("1.jpg", picture(1)), ("1.json", json.dumps(record).encode()), *more]
    (tmp_path / "hashes").write_text("ab" * 32)
    filters = read_filters(None, tmp_path / "hashes", None)
    assert run(write_tar(tmp_path / "a.tar", shard), filters=filters).pairs == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("uids.txt", b"a b\n"),
        ("uids.txt", b"\xff\xfe"),
        ("uids.txt", b"a" * 5000),
        ("uids.npy", b"no array"),
        ("archive.npy", b"PK\x03\x04"),
        ("nowhere.txt", None),
        ("hashes", b"abc"),
        ("hashes", b"g" * 64),
    ],
)
def test_what_is_no_list(tmp_path: Path, name: str, body: bytes | None) -> None:
    path = tmp_path / name
    if body is not None:
        path.write_bytes(body)
    hashes = name == "hashes"
    with pytest.raises(PoolError) as caught:
        read_filters(None if hashes else path, path if hashes else None, None)
    assert caught.value.code == "deny_list_invalid"


def test_arrays_of_another_layout_are_no_list(tmp_path: Path) -> None:
    for table in (np.zeros(3), np.zeros((2, 2), LAYOUT), np.array([{"a": 1}])):
        np.save(tmp_path / "x.npy", table, allow_pickle=True)
        with pytest.raises(PoolError):
            read_uids(tmp_path / "x.npy")


@given(
    denied=st.sets(st.integers(0, 2**128 - 1) | st.integers(0, 40) | st.just(2**64)),
    others=st.sets(st.integers(0, 2**128 - 1) | st.integers(0, 40)),
)
def test_a_set_of_uids_has_what_was_put_in(denied: set[int], others: set[int]) -> None:
    table = np.array([(n >> 64, n & 2**64 - 1) for n in sorted(denied)], LAYOUT)
    uids = UidSet(table, frozenset({"odd-one"}))
    assert len(uids) == len(denied) + 1
    for number in denied | others:
        assert (f"{number:032x}" in uids, f"{number:032X}" in uids) == (number in denied,) * 2
    assert "odd-one" in uids
    assert "other" not in uids


def test_datacomp_s_layout_is_a_list(tmp_path: Path) -> None:
    numbers = [int(uid(n), 16) for n in range(50)]
    np.save(
        tmp_path / "out.npy", np.array(sorted((n >> 64, n & 2**64 - 1) for n in numbers), LAYOUT)
    )
    uids = read_uids(tmp_path / "out.npy")
    assert all(uid(n) in uids for n in range(50))
    assert uid(50) not in uids


def test_the_command_says_what_it_kept_out(
    dva: Dva, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> None:
    write_tar(tmp_path / "pool" / "a.tar", content(12))
    (tmp_path / "uids.txt").write_text(uid(0))
    arguments = (str(tmp_path / "pool"), "--bundle", str(bundle_folder), "--accept-license")
    lists = ("--deny-uids", str(tmp_path / "uids.txt"), "--max-nsfw", "0.9")
    done = dva(settings, "ingest", "test", *arguments, *lists)
    assert done.status == 0
    assert "found: 1 denied_uid, 2 denied_nsfw" in done.err
    assert "shard a: 1 denied_uid, 2 denied_nsfw" in done.err
    assert "host h0.example: 1 denied_uid, 2 denied_nsfw" in done.err
    assert "not applied to the 1 shards" in dva(settings, "ingest", "test", *arguments, *lists).err
    bad = dva(settings, "ingest", "test", *arguments, "--deny-uids", str(tmp_path / "pool/a.tar"))
    assert (bad.status, "deny_list_invalid" in bad.err) == (1, True)


def test_what_nothing_is_known_of_is_kept() -> None:
    assert Filters().denial(uid="a", hashes=[b"x"], nsfw=1.0) is None
    assert Filters(max_nsfw=0.5).denial(uid="a", hashes=[], nsfw=None) is None
