"""The one tar reader: what it reads, and what it refuses."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ShardError
from server.pools import tar
from server.pools.tar import read_pairs
from tests.server.pool_factory import members, picture, write_tar

BLOCK = 512


def refused(path: Path) -> str:
    with pytest.raises(ShardError) as caught:
        list(read_pairs(path))
    return caught.value.code


def test_members_are_found_where_they_lie(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", members(0, 3))
    body = path.read_bytes()
    pairs = list(read_pairs(path))
    assert [pair.key for pair in pairs] == ["000000000", "000000001", "000000002"]
    for number, pair in enumerate(pairs):
        assert pair.image
        assert pair.caption
        assert body[pair.image.start :][: pair.image.size] == picture(number)
        assert body[pair.caption.start :][: pair.caption.size] == f"picture {number}".encode()
        assert pair.record["url"] == "x"
    assert pairs[0].start == 0
    assert all(pair.start % BLOCK == 0 for pair in pairs)
    assert pairs[2].end == body.rindex(b"picture 2") + len(b"picture 2")


def test_keys_end_at_the_first_dot_of_the_last_part(tmp_path: Path) -> None:
    names = ["a.b/1.jpg", "a.b/1.txt", "a.b/1.seg.png", "2.JPEG", "2.txt", "3.webp", "3.TXT"]
    path = write_tar(tmp_path / "a.tar", [(name, b"x") for name in names])
    assert [pair.key for pair in read_pairs(path)] == ["a.b/1", "2", "3"]


def test_what_is_no_pair_is_passed_over(tmp_path: Path) -> None:
    names = ["README", "._1.jpg", "LICENSE.md", "1.jpg", "1.txt", "stats.csv"]
    path = write_tar(tmp_path / "a.tar", [(name, b"x") for name in names])
    assert [pair.key for pair in read_pairs(path)] == ["1"]


def test_a_pair_may_lack_members(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [("1.jpg", b""), ("2.txt", b"x"), ("3.json", b"{}")])
    found = [(pair.image is None, pair.caption is None) for pair in read_pairs(path)]
    assert found == [(False, True), (True, False), (True, True)]


@pytest.mark.parametrize("record", [b"", b"{", b"[1]", b"\xff", b"[" * 5000, b'{"uid": 1}'])
def test_a_record_that_is_none_is_ignored(tmp_path: Path, record: bytes) -> None:
    path = write_tar(tmp_path / "a.tar", [("1.jpg", b"x"), ("1.json", record)])
    [pair] = read_pairs(path)
    assert "uid" not in pair.record or pair.record == {"uid": 1}


def test_other_formats_of_tar(tmp_path: Path) -> None:
    name = "d/" * 60 + "ü" * 60 + "1.jpg"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"{kind}.tar"
        with tarfile.open(path, "w", format=kind) as archive:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
        [pair] = read_pairs(path)
        assert pair.image
        assert path.read_bytes()[pair.image.start :][:3] == b"abc"


def test_links_and_devices_are_no_members(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for kind, name in [
            (tarfile.SYMTYPE, "1.jpg"),
            (tarfile.LNKTYPE, "2.jpg"),
            (tarfile.CHRTYPE, "3.jpg"),
            (tarfile.DIRTYPE, "4.jpg"),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("1.txt")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    [pair] = read_pairs(path)
    assert (pair.key, pair.image) == ("1", None)


@pytest.mark.parametrize(
    "names",
    [
        ["1.jpg", "1.png"],
        ["1.txt", "1.txt"],
        ["1.json", "1.json"],
        ["1.jpg", "2.jpg", "1.txt"],
    ],
)
def test_ambiguous_pairs(tmp_path: Path, names: list[str]) -> None:
    path = write_tar(tmp_path / "a.tar", [(name, b"x") for name in names])
    assert refused(path) == "pair_duplicate"


@pytest.mark.parametrize(
    "name",
    ["/1.jpg", "../1.jpg", "a/../../1.jpg", "a\\1.jpg", "1\n.jpg", "1\x7f.jpg", "\udcff.jpg"],
)
def test_hostile_names(tmp_path: Path, name: str) -> None:
    assert refused(write_tar(tmp_path / "a.tar", [(name, b"x")])) == "shard_hostile"


@pytest.mark.parametrize("keep", [1, 511, 512, 700, 1024, 5000, -1024, -513])
def test_a_tar_that_was_cut_short(tmp_path: Path, keep: int) -> None:
    path = write_tar(tmp_path / "a.tar", members(0, 10))
    body = path.read_bytes()
    end = body.rindex(b"picture 9") // BLOCK * BLOCK + BLOCK
    path.write_bytes(body[:end][:keep])
    assert refused(path) == "shard_truncated"


def test_a_tar_without_its_end_mark(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", members(0, 2))
    body = path.read_bytes()
    path.write_bytes(body[: body.rindex(b"picture 1") // BLOCK * BLOCK + BLOCK])
    assert refused(path) == "shard_truncated"


def test_a_damaged_header_doesnt_hide_the_rest(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", members(0, 10))
    body = bytearray(path.read_bytes())
    second = body.index(b"000000005.jpg")
    body[second + 148 : second + 156] = b"0000000\0"  # the checksum
    path.write_bytes(body)
    assert refused(path) == "shard_truncated"


@pytest.mark.parametrize("body", [b"", b"not a tar", bytes(100), b"\x1f\x8b" + bytes(1000)])
def test_no_tar_at_all(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(body)
    assert refused(path) == "shard_truncated"


def header(name: str, size: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """One ustar header whose size field is `size`, checksum right."""
    fields = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    fields += size.ljust(12, b"\0") + b"00000000000\0" + b" " * 8 + kind
    fields = fields.ljust(257, b"\0") + b"ustar\x0000"
    fields = fields.ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


END = bytes(2 * BLOCK)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a member larger than the tar": lambda: header("1.jpg", b"77777777777") + END,
    "a negative size": lambda: header("1.jpg", b"\xff" * 12) + END,
    "a size past 64 bits": lambda: header("1.jpg", b"\x80" + b"\xff" * 11) + END,
    "a long name of 8 GiB": lambda: header("././@LongLink", b"77777777777", b"L") + END,
    "a long name of 128 KiB": lambda: (
        header("././@LongLink", b"00000400000", b"L") + b"a" * 131072 + header("1", b"0") + END
    ),
    "5000 long names in a row": lambda: (
        (header("././@LongLink", b"00000000001", b"L") + b"a".ljust(BLOCK, b"\0")) * 5000 + END
    ),
    "a pax header of 1 GiB": lambda: header("x", b"10000000000", b"x") + END,
    "a pax size that is negative": lambda: pax(b"20 size=-1000000000\n"),
    "a pax size that is no number": lambda: pax(b"11 size=xx\n"),
    "a pax record without an end": lambda: pax(b"999 path=a"),
    "a pax record of length 0": lambda: pax(b"0 path=a\n"),
    "a sparse member": lambda: header("1.jpg", b"0", b"S") + END,
    "a pax sparse member": lambda: pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"),
}


def pax(records: bytes) -> bytes:
    size = b"%011o" % len(records)
    return (
        header("x", size, b"x")
        + records.ljust(BLOCK, b"\0")
        + header("1.jpg", b"00000000001")
        + b"x".ljust(BLOCK, b"\0")
        + END
    )


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_headers(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(HOSTILE[what]())
    assert refused(path) in ("shard_hostile", "shard_truncated", "member_too_large")


def test_members_that_are_too_large(tmp_path: Path) -> None:
    for name, size in [("1.jpg", tar.MAX_IMAGE), ("1.txt", tar.MAX_TEXT), ("1.json", tar.MAX_TEXT)]:
        path = tmp_path / "a.tar"
        with path.open("wb") as file:
            file.write(header(name, b"%011o" % (size + 1)))
            file.seek(BLOCK + size + BLOCK)  # a hole: no disk is used
            file.write(END)
        assert refused(path) == "member_too_large"


@settings(max_examples=300, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=20),
    cut=st.integers(0, 10**6),
)
def test_no_damage_crashes_the_reader(
    tmp_path_factory: pytest.TempPathFactory, flips: Iterable[tuple[int, int]], cut: int
) -> None:
    """Bytes are changed, mostly in headers, and the end is cut off: pairs or a ShardError."""
    path = tmp_path_factory.getbasetemp() / "damaged.tar"
    body = bytearray(write_tar(path, members(0, 4)).read_bytes())
    for place, value in flips:
        body[place % len(body) // BLOCK * BLOCK + place % 263] = value
    path.write_bytes(body[: len(body) - cut % len(body) if cut % 3 == 0 else None])
    try:
        pairs = list(read_pairs(path))
    except ShardError:
        return
    for pair in pairs:
        for member in (pair.image, pair.caption):
            assert member is None or 0 <= member.start <= member.start + member.size <= len(body)


def test_a_record_is_read_whole(tmp_path: Path) -> None:
    record = {"uid": "a" * 32, "caption": "ü" * 1000}
    path = write_tar(tmp_path / "a.tar", [("1.json", json.dumps(record).encode())])
    [pair] = read_pairs(path)
    assert pair.record == record
