"""The demo pool's broken pairs: what a scrape brings along, one of each sort."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body></body></html>"
_CAPTION = b"a picture of a red apple"


@dataclass(frozen=True, kw_only=True)
class BrokenPair:
    what: str
    extension: str
    image: bytes | None
    caption: bytes | None


def broken_pairs(jpeg: bytes, png: bytes, webp: bytes) -> list[BrokenPair]:
    """A dozen, made from three good files of 2 KB or more."""
    return [
        _bad_image("truncated JPEG", "jpg", jpeg[: len(jpeg) // 3]),
        _bad_image("truncated PNG", "png", png[: len(png) // 3]),
        _bad_image("truncated WebP", "webp", webp[: len(webp) // 3]),
        _bad_image("not a picture", "png", bytes(range(256)) * 8),
        _bad_image("empty file", "jpg", b""),
        _bad_image("an error page", "jpg", _HTML),
        _bad_image("a picture too large to decode", "png", _enormous_png()),
        _bad_image("no picture", "jpg", None),
        _bad_caption("no caption", jpeg, None),
        _bad_caption("empty caption", jpeg, b""),
        _bad_caption("blank caption", jpeg, b" \t\r\n "),
        _bad_caption("caption not UTF-8", jpeg, b"caf\xe9 \xff\xfe au lait"),
    ]


def _bad_image(what: str, extension: str, image: bytes | None) -> BrokenPair:
    return BrokenPair(what=what, extension=extension, image=image, caption=_CAPTION)


def _bad_caption(what: str, jpeg: bytes, caption: bytes | None) -> BrokenPair:
    return BrokenPair(what=what, extension="jpg", image=jpeg, caption=caption)


def _enormous_png() -> bytes:
    """A header that claims 60,000 x 60,000 pixels, and a few bytes of them."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(4096)))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
