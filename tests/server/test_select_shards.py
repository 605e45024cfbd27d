"""New shards of a selection: read back by tarfile, broken off and gone on with, and verified."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from server.config import Settings
from server.db import Database
from server.errors import SelectionError
from server.pools.ingest import ingest
from server.pools.tar import MAX_TEXT
from server.refusals import ShardUnavailable
from server.selection import shards
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_pool
from server.selection.shards import Shards, write_shards
from server.selection.verify_shards import verify_shards
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.pool_factory import picture, uid, write_tar
from tests.server.test_reports import report


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def best(api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path) -> Path:
    """Most of the pool's 16 pairs."""
    while leases := api.lease(8).leases:
        for lease in leases:
            api.finish(lease)
    select(database, settings, tmp_path / "best")
    return tmp_path / "best"


def select(database: Database, settings: Settings, out: Path, pool: str = "test") -> None:
    select_pool(
        database,
        settings,
        pool=pool,
        cut=Cut(rule="count", value=11),
        out=out,
        terms=Terms(state="all"),
        progress=silent,
    )


def write(database: Database, settings: Settings, best: Path, out: Path, **options: Any) -> Shards:
    given = {"shard_pairs": 4, "with_scores": True, **options}
    return write_shards(database, settings, folder=best, out=out, progress=silent, **given)


def content(out: Path) -> dict[str, dict[str, bytes]]:
    """By key, by extension."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                found.setdefault(key, {})[extension] = file.read()
    return found


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_members_are_there_byte_for_byte(
    database: Database, settings: Settings, best: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shards"
    done = write(database, settings, best, out)
    table = pq.read_table(best / "members.parquet")
    score = dict(zip(table["uid"].to_pylist(), table["score"].to_pylist(), strict=True))
    wanted = [number for number in range(16) if uid(number) in score]
    found = content(out)
    assert [each.pairs for each in done.shards] == [4] * (len(wanted) // 4) + [len(wanted) % 4]
    assert list(found) == [f"{index // 4:05d}{index % 4:05d}" for index in range(len(wanted))]
    for number, parts in zip(wanted, found.values(), strict=True):
        assert parts["jpg"] == picture(number)
        assert parts["txt"] == f"picture {number}".encode()
        assert parts["json"] == json.dumps({"uid": uid(number), "url": "x"}).encode()
        assert json.loads(parts["dva.json"]) == {"score": score[uid(number)]}
    rows = [
        row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    assert [row["uid"] for row in rows] == [uid(number) for number in wanted]
    assert [row["shard_key"] for row in rows] == [f"{number:09d}" for number in wanted]
    assert verify_shards(best, out) == len(wanted)


def test_broken_off_it_goes_on_to_the_same_bytes(
    database: Database,
    settings: Settings,
    best: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(database, settings, best, tmp_path / "whole")
    out = tmp_path / "shards"
    add, left = shards._add, [6]

    def until_the_disk_is_full(*args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "no space")
        add(*args)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "_add", until_the_disk_is_full)
        with pytest.raises(SelectionError) as caught:
            write(database, settings, best, out)
    assert caught.value.code == "disk_full"
    assert sorted(path.name for path in out.iterdir()) == [
        "00000.parquet",
        "00000.tar",
        "shards.json",
    ]
    with pytest.raises(SelectionError, match="Not all shards"):
        verify_shards(best, out)
    with pytest.raises(SelectionError) as caught:
        write(database, settings, best, out, shard_pairs=5)
    assert caught.value.code == "shards_differ"
    write(database, settings, best, out)
    assert files(out) == files(tmp_path / "whole")
    write(database, settings, best, out)
    assert files(out) == files(tmp_path / "whole"), "there is nothing left to do"


def test_a_missing_or_changed_shard(
    database: Database, settings: Settings, best: Path, pool_folder: Path, tmp_path: Path
) -> None:
    shard = pool_folder / "00001.tar"
    shard.rename(tmp_path / "away")
    try:
        with pytest.raises(ShardUnavailable):
            write(database, settings, best, tmp_path / "shards", shard_pairs=2)
    finally:
        (tmp_path / "away").rename(shard)
    written = len(content(tmp_path / "shards"))
    assert written
    assert written % 2 == 0
    write(database, settings, best, tmp_path / "shards", shard_pairs=2)
    assert verify_shards(best, tmp_path / "shards") > written


def test_what_was_reported_since_is_left_out(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    done = [lease for leases in iter(lambda: api.lease(8).leases, []) for lease in leases]
    for lease in done:
        api.finish(lease)
    best = tmp_path / "best"
    select(database, settings, best)
    members = set(pq.read_table(best / "members.parquet")["uid"].to_pylist())
    lease = done[0]
    gone = next(number for number, pair in enumerate(lease.pairs) if pair.uid in members)
    report(api, lease, gone)
    written = write(database, settings, best, tmp_path / "shards")
    assert (written.withheld, written.pairs) == (1, len(members) - 1)
    assert verify_shards(best, tmp_path / "shards") == len(members) - 1


def test_a_byte_or_a_pair_that_differs(
    database: Database, settings: Settings, best: Path, tmp_path: Path
) -> None:
    out = tmp_path / "shards"
    write(database, settings, best, out)
    for name, data in files(out).items():
        if name == "shards.json":
            continue
        (out / name).write_bytes(data[:700] + bytes([data[700] ^ 1]) + data[701:])
        with pytest.raises(SelectionError, match=name):
            verify_shards(best, out)
        (out / name).write_bytes(data)
    listed = json.loads((out / "shards.json").read_bytes())
    elsewhere = json.dumps(listed).replace('"00000.tar"', '"../00000.tar"')
    (out / "shards.json").write_text(elsewhere)
    with pytest.raises(SelectionError, match="outside of its folder"):
        verify_shards(best, out)
    listed["shards"].pop()
    (out / "shards.json").write_text(json.dumps(listed))
    with pytest.raises(SelectionError, match="another number of pairs"):
        verify_shards(best, out)


def packed(body: bytes) -> bytes:
    return gzip.compress(body)


def sparse(body: bytes) -> bytes:
    """GNU's old kind: 8 GB of nothing before what there is."""
    header = bytearray(body[:512])
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[257:265] = tarfile.GNU_MAGIC
    header[386:398] = tarfile.itn(8 << 30, 12, tarfile.GNU_FORMAT)
    header[398:410] = tarfile.itn(0, 12, tarfile.GNU_FORMAT)
    header[483:495] = tarfile.itn(8 << 30, 12, tarfile.GNU_FORMAT)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + body[512:]


def with_a_link(body: bytes) -> bytes:
    link = tarfile.TarInfo("0000000000.lnk")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return link.tobuf() + body


def with_a_long_record(body: bytes) -> bytes:
    record = tarfile.TarInfo("0000000000.json")
    record.size = MAX_TEXT + 512
    return record.tobuf() + bytes(record.size) + body


@pytest.mark.parametrize("made", [packed, sparse, with_a_link, with_a_long_record])
def test_a_tar_that_would_unpack_to_more_than_it_is(
    database: Database,
    settings: Settings,
    best: Path,
    tmp_path: Path,
    made: Callable[[bytes], bytes],
) -> None:
    """Its digest is right: whoever made the shards made the list of them."""
    out = tmp_path / "shards"
    write(database, settings, best, out)
    body = made((out / "00000.tar").read_bytes())
    (out / "00000.tar").write_bytes(body)
    listed = json.loads((out / "shards.json").read_bytes())
    listed["shards"][0]["tar"] |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    (out / "shards.json").write_text(json.dumps(listed))
    with pytest.raises(SelectionError, match=r"00000\.tar") as caught:
        verify_shards(best, out)
    assert caught.value.code == "shards_differ"


def test_members_in_any_order_and_with_long_names(
    api: Api, database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> None:
    """The record before the image or after the caption, and names that need a header of their
    own."""
    folder = tmp_path / "odd"
    expected = {}
    parts = []
    for number in range(12):
        key = f"{'x' * (120 if number % 3 else 3)}/{number:05d}"
        record = json.dumps({"uid": uid(number), "note": "n" * number * 300}).encode()
        own = {
            "jpg": picture(number),
            "json": record,
            "txt": f"words {number}".encode(),
        }
        order = [["json", "jpg", "txt"], ["txt", "jpg", "json"], ["jpg", "txt", "json"]][number % 3]
        parts += [(f"{key}.{kind}", own[kind]) for kind in order]
        expected[uid(number)] = own
    write_tar(folder / "0.tar", parts)
    ingest(database, settings, pool="odd", paths=[folder], bundle=bundle_folder, progress=silent)
    while leases := api.lease(8).leases:
        for lease in leases:
            api.finish(lease)
    select(database, settings, tmp_path / "best", "odd")
    write(database, settings, tmp_path / "best", tmp_path / "out", with_scores=False)
    rows = [
        row
        for path in sorted((tmp_path / "out").glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]
    assert rows
    found = content(tmp_path / "out")
    assert {row["uid"]: found[row["key"]] for row in rows} == {
        row["uid"]: expected[row["uid"]] for row in rows
    }


def test_the_commands(dva: Dva, settings: Settings, best: Path, tmp_path: Path) -> None:
    out, again = str(tmp_path / "shards"), str(tmp_path / "again")
    done = dva(settings, "shards", str(best), out, "--shard-pairs", "8")
    assert done.status == 0, done.err
    verified = dva(settings, "verify-selection", str(best), "--shards", out)
    assert "pairs hold in the shards" in verified.err
    cut = ["select", "test", "--count=11", "--state=all", "--out", again, "--shard-pairs=8"]
    assert dva(settings, *cut, "--shards", f"{again}-shards").status == 0
    assert files(Path(f"{again}-shards")).keys() == files(Path(out)).keys()
    assert (Path(f"{again}-shards") / "00000.tar").read_bytes() == (
        Path(out) / "00000.tar"
    ).read_bytes()
