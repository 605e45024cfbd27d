"""Files that `images.sniff` must not let through."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.e2e.pictures import encoded, png_chunk, scene


@functools.cache
def unsupported() -> list[tuple[str, bytes]]:
    """(name, file) of pictures that decoders don't agree on."""
    return list(_unsupported())


def _unsupported() -> Iterator[tuple[str, bytes]]:
    image = scene(48, 32, 1)
    clear = image.copy()
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    yield "jpeg cmyk", encoded(image.convert("CMYK"), "JPEG")
    baseline = encoded(image, "JPEG")
    for marker in (0xC3, 0xC5, 0xC9, 0xCA, 0xCF):
        yield f"jpeg sof {marker:x}", baseline.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    place = baseline.index(b"\xff\xc0") + 4
    yield "jpeg 12-bit", baseline[:place] + b"\x0c" + baseline[place + 1 :]
    yield "png palette", encoded(image.quantize(16), "PNG")
    yield "png rgba", encoded(clear, "PNG")
    yield "png grey alpha", encoded(clear.convert("LA"), "PNG")
    deep = Image.fromarray(np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 40)
    yield "png 16-bit", encoded(deep, "PNG")
    yield "png 1-bit", encoded(image.convert("1"), "PNG")
    yield "png transparent colour", encoded(image, "PNG", transparency=(255, 0, 255))
    yield "png animated", encoded(image, "PNG", save_all=True, append_images=[scene(48, 32, 2)])
    yield "webp alpha", encoded(clear, "WEBP")
    yield "webp alpha lossless", encoded(clear, "WEBP", lossless=True)
    yield "webp animated", encoded(image, "WEBP", save_all=True, append_images=[scene(48, 32, 2)])
    yield "gif", encoded(image, "GIF")
    yield "bmp", encoded(image, "BMP")
    yield "tiff", encoded(image, "TIFF")
    yield "ico", encoded(image, "ICO")
    yield "avif", encoded(image, "AVIF")


def broken() -> Iterator[tuple[str, bytes]]:
    """(name, file) of what is no picture at all."""
    yield "empty", b""
    yield "one byte", b"\xff"
    yield "jpeg signature", b"\xff\xd8\xff"
    yield "jpeg without a frame", b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9" + bytes(100)
    yield "jpeg of empty segments", b"\xff\xd8" + b"\xff\xe0\x00\x02" * 10_000
    yield "jpeg of junk", b"\xff\xd8\xff" + b"\x00\xff" * 10_000
    yield "html", b"<!doctype html><title>404</title>" + b" " * 100
    yield "text", b"not an image at all, just some text in a file\n" * 3
    yield "zeros", bytes(4096)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    yield "png without data", b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IEND", b"")
    flat = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 8, 8, 2, 0, 0, 0))
    yield "png without width", b"\x89PNG\r\n\x1a\n" + flat + png_chunk(b"IDAT", b"x")
    late = png_chunk(b"tEXt", b"x") + header
    yield "png with a late header", b"\x89PNG\r\n\x1a\n" + late
    for place, method in ((10, "compression"), (11, "filter"), (12, "interlace")):
        fields = bytearray(struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
        fields[place] = 2
        start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bytes(fields))
        yield f"png of unknown {method}", start + png_chunk(b"IDAT", b"x")
    yield "webp of nothing", b"RIFF\x20\x00\x00\x00WEBPJUNK" + bytes(24)
