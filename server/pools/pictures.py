"""A pair as an operator looks at it: its picture and its caption, read from the shard by their
place in it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from dva_agent.protocol import PairRef, Span

from server.pools.files import checked_path
from server.pools.models import Shard
from server.refusals import NotFound, ShardUnavailable

LONGEST_CAPTION = 2000
"""Bytes of it that are read."""
LARGEST_PICTURE = 32 << 20
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


@dataclass(frozen=True, kw_only=True)
class Picture:
    data: bytes
    kind: str


def picture_of(shard: Shard, pair: PairRef) -> Picture:
    """Raises NotFound where there is none, where it is too large, or of no kind that browsers show
    as nothing but a picture; ShardUnavailable."""
    if pair.image is None:
        raise NotFound("There is no such picture.")
    if pair.image.size > LARGEST_PICTURE:
        raise NotFound("This picture is too large to be shown.")
    data = _read(shard, pair.image, LARGEST_PICTURE)
    kind = kind_of(data)
    if kind is None:
        raise NotFound("This isn't a picture that can be shown.")
    return Picture(data=data, kind=kind)


def caption_of(shard: Shard, pair: PairRef) -> str | None:
    """The beginning of a long one, in one line; None where the pair has none that can be read."""
    if pair.caption is None:
        return None
    try:
        text = _read(shard, pair.caption, LONGEST_CAPTION).decode("utf-8", "ignore")
    except ShardUnavailable:
        return None
    return "".join(letter if letter.isprintable() else " " for letter in text).strip() or None


def kind_of(data: bytes) -> str | None:
    """By its first bytes, whatever its name says. An SVG is no picture but a document."""
    for begin, kind in _KINDS:
        if data.startswith(begin):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None


def _read(shard: Shard, span: Span, most: int) -> bytes:
    with checked_path(shard).open("rb") as file:
        return os.pread(file.fileno(), min(span.size, most), span.start)
