"""Whoever makes a tar may write anything into its headers. Whatever it is: each pair's spans hold
what a tar reader finds under that name, no span reaches into another member, or the tar is refused.

The tars are put together block by block, from honest members and from every lie that a header can
tell: sizes, kinds, checksums, long names, pax records, members in the wrong place.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.errors import ShardError
from server.pools.tar import TarPair, read_pairs

BLOCK = 512
END = bytes(2 * BLOCK)
REGULAR = (b"0", b"\0", b"7")


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def binary(size: int) -> bytes:
    """base-256: GNU's way for large or negative sizes."""
    return b"\x80" + (size & (1 << 88) - 1).to_bytes(11, "big")


def header(name: bytes, size: bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    fields = name[:100].ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0")
    fields += octal(0) + b" " * 8 + kind + b"target".ljust(100, b"\0") + magic
    fields = fields.ljust(BLOCK, b"\0")
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK)


def pax(records: list[tuple[str, str]], kind: bytes = b"x") -> bytes:
    text = b""
    for name, value in records:
        record = f" {name}={value}\n".encode("utf-8", "surrogateescape")
        length = len(record) + 1
        while len(b"%d" % length) + len(record) != length:
            length += 1
        text += b"%d" % length + record
    return header(b"pax", octal(len(text)), kind) + padded(text)


def longname(name: bytes, kind: bytes = b"L") -> bytes:
    return header(b"././@LongLink", octal(len(name) + 1), kind) + padded(name + b"\0")


@dataclass(frozen=True)
class Written:
    """Some blocks of a tar. `honest`: name and body of the member that they are."""

    blocks: bytes
    honest: tuple[str, bytes] | None = None


BODIES = st.binary(max_size=700) | st.sampled_from(
    [b"", header(b"9.jpg", octal(3)) + padded(b"abc")]
)
KEYS = st.sampled_from(["1", "2", "3", "a/1", "d" * 120 + "/4"])
ENDINGS = st.sampled_from(["jpg", "txt", "json", "seg.png"])
NAMES = st.builds(lambda key, ending: f"{key}.{ending}", KEYS, ENDINGS)
ODD_NAMES = NAMES | st.sampled_from(
    [
        "../1.jpg",
        "/1.jpg",
        "a/../../1.txt",
        "1\n.jpg",
        "",
        ".",
        "1",
        "1.jpg/",
        "x" * 300,
        "\udcff.txt",
    ]
)
SIZES = st.integers(0, 3000) | st.sampled_from(
    [-1, -512, -(2**40), 2**20, 2**33, 2**62, 2**63, 2**70, 512, 1024]
)
WAYS: list[Callable[[bytes, bytes], bytes]] = [
    lambda name, body: header(name, octal(len(body))),
    lambda name, body: header(name, octal(len(body)), b"\0", b"\0" * 8),
    lambda name, body: header(name, binary(len(body)), magic=b"ustar  \0"),
    lambda name, body: header(name, octal(len(body)), b"7"),
    lambda name, body: longname(name) + header(b"short", octal(len(body)), magic=b"ustar  \0"),
    lambda name, body: pax([("path", name.decode())]) + header(b"short", octal(len(body))),
    lambda name, body: pax([("size", str(len(body)))]) + header(name, octal(7)),
]
FIELDS = st.sampled_from(
    ["path", "size", "linkpath", "GNU.sparse.size", "GNU.sparse.realsize", "GNU.sparse.major",
     "GNU.sparse.minor", "GNU.sparse.map", "GNU.sparse.name", "hdrcharset", "mtime", "comment"]
)  # fmt: skip
VALUES = SIZES.map(str) | ODD_NAMES | st.sampled_from(["BINARY", "0,3,5,9", "1e400", "nan", " 1"])


@st.composite
def honest(draw: st.DrawFn) -> Written:
    name, body = draw(NAMES), draw(BODIES)
    ways = WAYS if len(name) <= 100 else WAYS[4:6]
    way = draw(st.sampled_from(ways))
    return Written(way(name.encode(), body) + padded(body), (name, body))


@st.composite
def lie(draw: st.DrawFn) -> Written:
    name = draw(ODD_NAMES).encode("utf-8", "surrogateescape")
    body = padded(draw(BODIES))
    size = draw(st.sampled_from([octal, binary]))
    number = draw(SIZES)
    number = abs(number) % 8**11 if size is octal else number
    kind = draw(st.sampled_from([*REGULAR, *(b"%c" % each for each in b"123456SLKxgXDMNVA")]))
    records = draw(st.lists(st.tuples(FIELDS, VALUES), min_size=1, max_size=3))
    told = header(name, size(number), kind)
    choices = {
        "another size or kind": told + body,
        "no padding": told + draw(BODIES),
        "pax": pax(records, draw(st.sampled_from([b"x", b"g", b"X"]))) + told + body,
        "pax twice": pax(records) + pax(records[:1], b"g") + told + body,
        "a long name of a long name": longname(name) + longname(name, b"K") + told + body,
        "a checksum that is wrong": told[:148] + b"0000000\0" + told[156:] + body,
        "a zero block": bytes(BLOCK),
        "noise": draw(BODIES),
        "a pax record of any length": header(b"pax", octal(BLOCK), b"x")
        + b"%d path=1.jpg\n".ljust(BLOCK, b"\0") % abs(number),
    }
    return Written(choices[draw(st.sampled_from(sorted(choices)))])


def spans(pairs: list[TarPair]) -> Iterator[tuple[str, str, int, int]]:
    for pair in pairs:
        for what, member in (("image", pair.image), ("caption", pair.caption)):
            if member is not None:
                yield pair.key, what, member.start, member.size


def is_header(block: bytes) -> bool:
    if len(block) != BLOCK:
        return False
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return block[156:157] in REGULAR


def check(body: bytes, pairs: list[TarPair]) -> None:
    """That no span is anything but one member's whole content, as Python's tarfile extracts it."""
    extracted: dict[str, list[bytes]] = {}
    starts = []
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive:
            starts.append(member.offset)
            if member.isreg():
                file = archive.extractfile(member)
                assert file
                extracted.setdefault(member.name, []).append(file.read())
    last = 0
    for key, what, start, size in sorted(spans(pairs), key=lambda span: span[2]):
        content = body[start : start + size]
        assert len(content) == size
        endings = ("txt", "TXT") if what == "caption" else ("jpg", "png")
        same = [each for ending in endings for each in extracted.get(f"{key}.{ending}", [])]
        assert same == [content]
        assert is_header(body[start - BLOCK : start])
        assert start - BLOCK >= last
        last = start + size
        # No span takes in where another member begins.
        assert not any(start <= other < start + size for other in starts)
    ends = 0
    for pair in pairs:
        assert ends <= pair.start < pair.end <= len(body)
        ends = pair.end
        for _, _, start, size in spans([pair]):
            assert pair.start <= start
            assert start + size <= pair.end


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "a.tar"


@settings(max_examples=400, deadline=None)
@given(parts=st.lists(honest() | lie(), max_size=8), end=st.sampled_from([END, bytes(BLOCK), b""]))
@example(
    parts=[
        Written(pax([("size", "1500")], b"g")),
        Written(header(b"1.jpg", octal(3)) + padded(b"abc")),
        Written(header(b"2.jpg", octal(3)) + padded(b"def")),
        Written(header(b"3.txt", octal(3)) + padded(b"ghi")),
    ],
    end=END,
)
def test_no_lie_misplaces_a_pair(path: Path, parts: list[Written], end: bytes) -> None:
    body = b"".join(part.blocks for part in parts) + end
    path.write_bytes(body)
    try:
        pairs = list(read_pairs(path))
    except ShardError as error:
        assert error.code in {
            "shard_truncated",
            "shard_hostile",
            "pair_duplicate",
            "member_too_large",
            "shard_invalid",
        }
        return
    check(body, pairs)


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(honest(), max_size=8))
def test_what_was_written_is_what_is_found(path: Path, parts: list[Written]) -> None:
    """Members of one pair together, each once: never refused, and nothing is lost."""
    members = {part.honest[0]: part for part in parts if part.honest}
    ordered = sorted(members, key=lambda name: name.split(".")[0])
    body = b"".join(members[name].blocks for name in ordered) + END
    path.write_bytes(body)
    pairs = list(read_pairs(path))
    check(body, pairs)
    found = {(key, what): body[start:][:size] for key, what, start, size in spans(pairs)}
    expected = {}
    for name in ordered:
        key, _, ending = name.partition(".")
        honest = members[name].honest
        assert honest
        if ending in ("jpg", "txt"):
            expected[key, "image" if ending == "jpg" else "caption"] = honest[1]
    assert found == expected
