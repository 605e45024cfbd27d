"""The bytes of a pair, as they stand in its shard.

The index says where image and caption lie, and in what order pairs come; the `.json`, and what the
members are called, are read from the headers between a pair's neighbours. Nothing else of the tar
is looked at.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from typing import NamedTuple

from dva_agent.protocol import PairRef, Span

from server.errors import ShardError
from server.pools.tar import BLOCK, CAPTION, IMAGES, RECORD

MOST = 512 << 20
"""Ingest lets members of one pair lie 256 MiB apart."""


class RawPair(NamedTuple):
    """`extension`: the image's, in lower case. None is what the shard hasn't."""

    key: str
    extension: str | None
    image: bytes | None
    caption: bytes | None
    record: bytes | None


def read_pair(file: int, pairs: Sequence[PairRef], index: int) -> RawPair:
    """`pairs`: all of the shard, in its order; `file`: a descriptor of it. Raises ShardError where
    the shard isn't as the index says."""
    spans = _spans(pairs[index])
    if not spans:
        raise _other(pairs[index])
    start = _end(pairs, index)
    end = _start(pairs, index)
    if end is None:
        end = os.fstat(file).st_size
    if not 0 <= start < end or end - start > MOST:
        raise _other(pairs[index])
    data = os.pread(file, end - start, start)
    found = _members(data)
    key = next((name for offset, name, _ in found if start + offset == spans[0].start), None)
    if key is None:
        raise _other(pairs[index])
    key, _ = _split(key)
    parts: dict[str, bytes] = {}
    extension = None
    for offset, name, size in found:
        own, kind = _split(name)
        if own == key and (kind in IMAGES or kind in (CAPTION, RECORD)):
            extension = kind if kind in IMAGES else extension
            parts["image" if kind in IMAGES else kind] = data[offset : offset + size]
    sizes = [len(parts.get(what, b"")) for what in ("image", CAPTION)]
    wanted = [
        0 if span is None else span.size for span in (pairs[index].image, pairs[index].caption)
    ]
    if sizes != wanted:
        raise _other(pairs[index])
    return RawPair(key, extension, parts.get("image"), parts.get(CAPTION), parts.get(RECORD))


def _members(data: bytes) -> list[tuple[int, str, int]]:
    """Offset, name and size of the regular files. The last header may be half of one: a long name
    has its own before that of its member."""
    found = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data + bytes(2 * BLOCK)), mode="r:") as tar:
            while (member := tar.next()) is not None:
                if member.isreg():
                    found.append((member.offset_data, member.name, member.size))
    except (tarfile.TarError, ValueError, OverflowError, IndexError):
        return found
    return found


def _end(pairs: Sequence[PairRef], index: int) -> int:
    """Where the known members of the last pair before end."""
    for before in reversed(pairs[:index]):
        if spans := _spans(before):
            return max(-(-(span.start + span.size) // BLOCK) * BLOCK for span in spans)
    return 0


def _start(pairs: Sequence[PairRef], index: int) -> int | None:
    """Where the known members of the first pair after start: what is before that is whole."""
    for after in pairs[index + 1 :]:
        if spans := _spans(after):
            return min(span.start for span in spans) - BLOCK
    return None


def _spans(pair: PairRef) -> list[Span]:
    return [span for span in (pair.image, pair.caption) if span is not None]


def _split(name: str) -> tuple[str, str]:
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return folder + slash + stem, extension.lower()


def _other(pair: PairRef) -> ShardError:
    return ShardError(
        f"The shard doesn't have {pair.uid} where its index says.", code="shard_changed"
    )
