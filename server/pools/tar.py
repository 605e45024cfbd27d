"""The one tar reader: a WebDataset shard's headers, walked once, nothing extracted.

`tarfile` reads the headers; what it forgives is refused here, because a shard that ends early or
holds one pair twice would lose or mix pairs without a word.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from server.errors import ShardError

IMAGES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "jxl"})
CAPTION = "txt"
RECORD = "json"
BLOCK = 512
MAX_IMAGE = 64 << 20
MAX_TEXT = 1 << 20
MAX_PAIRS = 1_000_000
MAX_HEADER_READ = 64 << 10
MAX_DIGITS = 40
_ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """Bytes [start, start + size) of the tar."""

    start: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TarPair:
    """What a shard holds under one key. `start` and `end` take in all of its members and the
    first one's header."""

    key: str
    image: Member | None
    caption: Member | None
    record: dict[str, object]
    """Its .json; empty if there is none, or it isn't an object."""
    start: int
    end: int


class _HeaderFile(io.RawIOBase):
    """Refuses the large reads that a forged header length asks tarfile to make."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_READ:
            raise ShardError("A header of this tar is too large.", code="shard_hostile")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def read_pairs(path: Path) -> Iterator[TarPair]:
    """The pairs of a shard in its own order. Raises ShardError for a tar that is truncated,
    malformed, hostile or ambiguous; OSError if it can't be read."""
    with path.open("rb") as file:
        seen: set[str] = set()
        group: _Group | None = None
        for member in members(file):
            split = _split(member.name) if member.isreg() else None
            if split is None:
                continue
            key, extension = split
            if group is None or key != group.key:
                if group is not None and (pair := group.pair()) is not None:
                    yield pair
                if key in seen:
                    raise ShardError(
                        f"The pair {key} appears in two places of the tar.", code="pair_duplicate"
                    )
                seen.add(key)
                if len(seen) > MAX_PAIRS:
                    raise ShardError(f"More than {MAX_PAIRS} pairs in one tar.")
                group = _Group(key)
            group.add(member, extension, file)
        if group is not None and (pair := group.pair()) is not None:
            yield pair


class _Group:
    """Members of one key, as they come."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._image: Member | None = None
        self._caption: Member | None = None
        self._record: dict[str, object] | None = None
        self._start = -1
        self._end = 0

    def add(self, info: tarfile.TarInfo, extension: str, file: BinaryIO) -> None:
        member = Member(start=info.offset_data, size=info.size)
        if extension in IMAGES:
            self._once(self._image, "image", info.size, MAX_IMAGE)
            self._image = member
        elif extension == CAPTION:
            self._once(self._caption, "caption", info.size, MAX_TEXT)
            self._caption = member
        elif extension == RECORD:
            self._once(self._record, "record", info.size, MAX_TEXT)
            self._record = _record(file, member)
        else:
            return
        if self._start < 0:
            self._start = info.offset
        self._end = member.start + member.size

    def pair(self) -> TarPair | None:
        """None for a key with nothing of a pair under it, such as a README."""
        if self._start < 0:
            return None
        return TarPair(
            key=self.key,
            image=self._image,
            caption=self._caption,
            record=self._record or {},
            start=self._start,
            end=self._end,
        )

    def _once(self, before: object, what: str, size: int, limit: int) -> None:
        if before is not None:
            raise ShardError(
                f"The pair {self.key} has two members for its {what}.", code="pair_duplicate"
            )
        if size > limit:
            raise ShardError(
                f"The {what} of {self.key} has {size:,} bytes; at most {limit:,} are taken.",
                code="member_too_large",
            )


def members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Of a tar that isn't packed, none of them read: files, and whatever else is in it. The walk
    must go forward and must end at the end-of-archive block: tarfile itself stops without a word at
    the first header it can't read. Raises ShardError."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    position = -1
    try:
        with tarfile.open(fileobj=_HeaderFile(file), mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else a long tar fills the memory
                if info.offset <= position or info.size < 0:
                    raise ShardError(
                        "The headers of this tar run in circles.", code="shard_hostile"
                    )
                position = info.offset
                if info.offset_data + info.size > length:
                    raise ShardError("The tar ends inside a member.", code="shard_truncated")
                if info.issparse():
                    raise ShardError(
                        f"The member {_show(info.name)} is a sparse file.", code="shard_hostile"
                    )
                # A global pax record may say another size than the one that tarfile went by to find
                # the next header: the member would reach into others.
                if info.isreg() and (
                    tar.offset != info.offset_data + -(-info.size // BLOCK) * BLOCK
                ):
                    raise ShardError(
                        f"The member {_show(info.name)} has two sizes.", code="shard_hostile"
                    )
                yield info
            end = tar.offset
    except (tarfile.TarError, ValueError, OverflowError, IndexError, RecursionError) as error:
        raise ShardError(f"This is no readable tar: {error}", code="shard_truncated") from error
    file.seek(end)
    if file.read(BLOCK) != bytes(BLOCK):
        raise ShardError(
            "The tar has no end mark where its last readable member ends: it was cut short, or "
            "a header is damaged.",
            code="shard_truncated",
        )


def _split(name: str) -> tuple[str, str] | None:
    """WebDataset's rule: the key is the path up to the first dot of its last part. None for a
    name that has no key or no extension, such as `._x`."""
    if name.startswith("/") or ".." in name.split("/") or _ODD.search(name) or len(name) > 1000:
        raise ShardError(f"The tar has a member named {_show(name)}.", code="shard_hostile")
    folder, slash, last = name.rpartition("/")
    stem, dot, extension = last.partition(".")
    if not stem or not dot:
        return None
    return folder + slash + stem, extension.lower()


def _record(file: BinaryIO, member: Member) -> dict[str, object]:
    file.seek(member.start)
    try:
        record = json.loads(file.read(member.size), parse_int=_whole)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _whole(digits: str) -> int | None:
    """None for a number that nobody means: Python refuses the longest, and the record with it."""
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _show(name: str) -> str:
    return ascii(name[:200])
