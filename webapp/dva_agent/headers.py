"""The headers of JPEG, PNG and WebP files, walked without trusting them.

Each walk is O(len(data)) and reads nothing but `data`; it ends in a Picture, or in one of three
exceptions that `dva_agent.images` turns into a status.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Format = Literal["jpeg", "png", "webp"]

_MAX_MARKERS = 4096
"""Of a JPEG before its first scan; a header of more is no picture's."""


@dataclass(frozen=True, kw_only=True)
class ImageKind:
    """A picture that every engine decodes alike, of width x height pixels."""

    format: Format
    width: int
    height: int


class Short(Exception):
    """A field reaches past the bytes at hand, to `end`."""

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class Unsupported(Exception):
    """A picture, of a kind that engines don't decode alike."""


class Broken(Exception):
    """Not a picture, or one that contradicts itself."""


def header(head: bytes) -> ImageKind:
    """Raises Short, Unsupported or Broken."""
    if len(head) < 32 and not head.startswith(b"\xff\xd8\xff"):
        raise Short(32)
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg(head)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _webp(head)
    raise Unsupported if _is_other_picture(head) else Broken


def _is_other_picture(head: bytes) -> bool:
    """GIF, TIFF, BMP, icons, JPEG 2000, JPEG XL, Photoshop, QOI, AVIF and HEIF."""
    return (
        head.startswith(
            (
                b"GIF87a",
                b"GIF89a",
                b"II*\x00",
                b"MM\x00*",
                b"\x00\x00\x01\x00",
                b"\x00\x00\x00\x0cjP  \r\n\x87\n",
                b"\xff\x4f\xff\x51",
                b"\xff\x0a",
                b"\x00\x00\x00\x0cJXL \r\n\x87\n",
                b"8BPS",
                b"qoif",
            )
        )
        or (head.startswith(b"BM") and head[6:10] == bytes(4))
        or (head[4:8] == b"ftyp" and head[8:12] in _FTYP_BRANDS)
    )


_FTYP_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1"})


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, payload start, payload end) of each segment up to and with the first scan's, whose
    payload is its header. Raises Short past the end, Broken at the end of the image."""
    position = 2
    for _ in range(_MAX_MARKERS):
        position = data.find(b"\xff", position)
        if position < 0:
            raise Short(len(data) + 1)
        while position < len(data) and data[position] == 0xFF:
            position += 1
        marker = _bytes(data, position, 1)[0]
        position += 1
        if marker == 0x00 or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue  # junk and markers without payload
        if marker == 0xD9:
            raise Broken
        (length,) = struct.unpack(">H", _bytes(data, position, 2))
        if length < 2:
            raise Broken
        yield marker, position + 2, position + length
        if marker == 0xDA:
            return
        position += length
    raise Broken


def _jpeg(head: bytes) -> ImageKind:
    for marker, start, end in jpeg_segments(head):
        if marker in (0xC0, 0xC1, 0xC2):
            if end - start < 6:
                raise Broken
            bits, height, width, components = struct.unpack(">BHHB", _bytes(head, start, 6))
            if bits != 8 or components not in (1, 3):
                raise Unsupported
            return ImageKind(format="jpeg", width=width, height=height)
        if 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise Unsupported  # lossless, hierarchical or arithmetic
    raise Broken


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, payload start, payload end) of each chunk. Raises Short past the end."""
    position = 8
    while True:
        length, kind = struct.unpack(">I4s", _bytes(data, position, 8))
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def _png(head: bytes) -> ImageKind:
    chunks = png_chunks(head)
    kind, start, end = next(chunks)
    if kind != b"IHDR" or end - start != 13:
        raise Broken
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", _bytes(head, start, 13))
    compression, filtering, interlace = methods
    if compression or filtering or interlace > 1:
        raise Broken  # Pillow looks at some of these only
    # Depth 1 is refused although browsers show it: Pillow resizes it without interpolation.
    if (colour, depth) not in {(0, 2), (0, 4), (0, 8), (2, 8)}:
        raise Unsupported
    for kind, _, _ in chunks:
        if kind in (b"tRNS", b"acTL"):
            raise Unsupported
        if kind == b"IDAT":
            return ImageKind(format="png", width=width, height=height)
        if kind == b"IEND":
            break
    raise Broken


def _webp(head: bytes) -> ImageKind:
    position = 12
    extended = False
    while True:
        kind, length = struct.unpack("<4sI", _bytes(head, position, 8))
        start = position + 8
        if kind == b"VP8X":
            (flags,) = _bytes(head, start, 1)
            if flags & 0x12:
                raise Unsupported  # alpha, animation
            extended = True
        elif kind == b"VP8 ":
            header = _bytes(head, start, 10)
            if header[0] & 1 or header[3:6] != b"\x9d\x01\x2a":
                raise Broken
            width, height = struct.unpack("<HH", header[6:])
            return ImageKind(format="webp", width=width & 0x3FFF, height=height & 0x3FFF)
        elif kind == b"VP8L":
            signature, bits = struct.unpack("<BI", _bytes(head, start, 5))
            if signature != 0x2F:
                raise Broken
            if bits >> 28 & 1:
                raise Unsupported
            return ImageKind(
                format="webp", width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1
            )
        elif kind in (b"ALPH", b"ANIM", b"ANMF"):
            raise Unsupported
        elif not extended:
            raise Broken
        position = start + length + (length & 1)


def _bytes(data: bytes, start: int, count: int) -> bytes:
    if start + count > len(data):
        raise Short(start + count)
    return data[start : start + count]
