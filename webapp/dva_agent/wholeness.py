"""Whether a picture's file is all there: decoders disagree on what to do with half of one.

Pillow refuses some truncated files and fills others in; browsers paint what they got. Every engine
applies this rule before it decodes, and its decoder's verdict after. webapp/engine has the same
rule in JavaScript.
"""

from __future__ import annotations

import struct
import zlib

from dva_agent import scanlines
from dva_agent.headers import Broken, Format, Short, jpeg_segments, png_chunks

_PNG_HEADER = 16
"""Where the first chunk's payload starts, which `images.sniff` saw to be IHDR."""

_PNG_HEADER_SIZE = 13

_ANCILLARY = 0x20
"""The bit of a chunk's first letter that allows decoders to ignore it."""


def is_whole(format_: Format, data: bytes) -> bool:
    """`data` is a picture that `images.sniff` let through. O(its bytes and pixels).

    jpeg: an end-of-image marker follows the first start-of-scan; bytes after it don't matter.
    png: chunks up to and with IEND lie inside the file, and their checksums are right. (Pillow
    refuses a wrong one anywhere before the pixels, libpng only where it matters to the picture.)
    None is critical but unknown, nor a second IHDR: the format wants such files refused. The
    pixels are the header's: see `scanlines`.
    webp: the RIFF chunk lies inside the file."""
    if format_ == "jpeg":
        return _jpeg(data)
    if format_ == "png":
        return _png(data)
    (length,) = struct.unpack_from("<I", data, 4)
    return 8 + int(length) <= len(data)


def _jpeg(data: bytes) -> bool:
    try:
        *_, (_, _, scan) = jpeg_segments(data)
    except (Broken, Short):
        return False
    return data.find(b"\xff\xd9", scan) >= 0


def _png(data: bytes) -> bool:
    pixels: list[bytes] = []
    try:
        for kind, start, end in png_chunks(data):
            if end + 4 > len(data):
                return False
            (stated,) = struct.unpack_from(">I", data, end)
            if zlib.crc32(memoryview(data)[start - 4 : end]) != stated:
                return False
            if kind == b"IEND":
                header = data[_PNG_HEADER : _PNG_HEADER + _PNG_HEADER_SIZE]
                return scanlines.are_whole(header, b"".join(pixels))
            if kind == b"IDAT":
                pixels.append(data[start:end])
            known = start == _PNG_HEADER or kind in (b"IDAT", b"PLTE")
            if not known and not kind[0] & _ANCILLARY:
                return False
    except Short:
        pass
    return False
