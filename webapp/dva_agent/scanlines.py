"""Whether a PNG's compressed pixels are those of its header: no row missing, none too many.

Chromium paints the rows it got and leaves the rest empty; Pillow refuses some such files, and fills
others in. The chunks' own checksums don't tell: whoever made the file made them. webapp/engine has
the same rule in JavaScript.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

LAST_FILTER = 4
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First column and row of each pass, and its steps (PNG specification, third edition, 8)."""


def are_whole(header: bytes, stream: bytes) -> bool:
    """`header`: an IHDR's payload, of grey or RGB, as `images.sniff` lets it through. `stream`: all
    IDAT payloads joined. True if it is one zlib stream, nothing after it, with the right checksum,
    of exactly the picture's rows, each beginning with a filter that PNG has. Needs the memory of
    the picture."""
    layout = list(passes(header))
    size = sum(width * rows for width, rows in layout)
    inflating = zlib.decompressobj()
    try:
        pixels = inflating.decompress(stream, size + 1)
    except zlib.error:
        return False
    if len(pixels) != size or not inflating.eof or inflating.unused_data:
        return False
    start = 0
    for width, rows in layout:
        end = start + width * rows
        if max(pixels[start:end:width]) > LAST_FILTER:
            return False
        start = end
    return True


def passes(header: bytes) -> Iterator[tuple[int, int]]:
    """(bytes of a row with its filter, rows) of each pass; one, if it isn't interlaced."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * (3 if colour == 2 else 1)
    for left, top, right, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns = -(-(width - left) // right)
        rows = -(-(height - top) // down)
        if columns > 0 and rows > 0:
            yield 1 + -(-columns * bits // 8), rows
