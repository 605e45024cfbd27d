"""Pictures of the kinds that every engine must turn into the same pixels, and broken ones."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms

SIZES = (
    (64, 64), (1, 1), (2, 7), (7, 2), (33, 64), (64, 33), (65, 63), (100, 100), (129, 64),
    (224, 224), (256, 191), (191, 256), (300, 31), (31, 300), (640, 480), (481, 640), (1000, 97),
    (97, 1000), (800, 801), (1280, 720),
)  # fmt: skip


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Gradients, edges and noise: whatever a resizer can get wrong shows."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [np.sin(x / (3 + 5 * c) + c) + np.cos(y / (2 + 3 * c)) for c in range(3)]
    image = 128 + 60 * np.stack(waves, axis=-1) + random.normal(0, 25, (height, width, 3))
    image[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 255)
    image[height // 2 :, : width // 8] = (0, 255, 0)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8), "RGB")


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(kind + payload)
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)


@functools.cache
def good() -> list[tuple[str, bytes]]:
    """(name, file) of pictures that `dva_agent.images.sniff` lets through."""
    return list(_good())


def _good() -> Iterator[tuple[str, bytes]]:
    for seed, (width, height) in enumerate(SIZES):
        image = scene(width, height, seed)
        name = f"{width}x{height}"
        yield f"{name} jpeg 4:2:0", encoded(image, "JPEG", quality=88, subsampling=2)
        yield f"{name} jpeg 4:4:4", encoded(image, "JPEG", quality=95, subsampling=0)
        yield f"{name} jpeg 4:2:2", encoded(image, "JPEG", quality=80, subsampling=1)
        yield f"{name} jpeg progressive", encoded(image, "JPEG", quality=75, progressive=True)
        yield f"{name} jpeg grey", encoded(image.convert("L"), "JPEG", quality=85)
        yield f"{name} png", encoded(image, "PNG")
        yield f"{name} png grey", encoded(image.convert("L"), "PNG")
        yield f"{name} webp", encoded(image, "WEBP", quality=80)
        yield f"{name} webp lossless", encoded(image, "WEBP", lossless=True)
    image = scene(320, 200, 99)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "jpeg rotated by EXIF", encoded(image, "JPEG", exif=exif)
    yield "png rotated by EXIF", encoded(image, "PNG", exif=exif)
    yield "webp rotated by EXIF", encoded(image, "WEBP", exif=exif)
    yield "jpeg with restarts", encoded(image, "JPEG", restart_marker_rows=1)
    yield "jpeg with a colour profile", encoded(image, "JPEG", icc_profile=swapped_profile())
    yield "png with a colour profile", encoded(image, "PNG", icc_profile=swapped_profile())
    yield "webp with a colour profile", encoded(image, "WEBP", icc_profile=swapped_profile())
    yield "jpeg with bytes after its end", encoded(image, "JPEG") + bytes(1000)
    yield "png with bytes after its end", encoded(image, "PNG") + bytes(1000)


def swapped_profile() -> bytes:
    """sRGB with red and green exchanged: whoever obeys it shows wrong colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


@functools.cache
def plain() -> bytes:
    """The picture of `odd`, as Pillow reads it too."""
    return encoded(scene(90, 70, 4), "PNG")


@functools.cache
def odd() -> list[tuple[str, bytes]]:
    """(name, file) of `plain` with chunks that some decoder refuses, beside the picture's own."""
    return list(_odd())


def _odd() -> Iterator[tuple[str, bytes]]:
    long = zlib.compress(bytes(3 << 20))
    yield "png with a long zTXt", _with(b"zTXt", b"Comment\0\0" + long)
    yield "png with a long iTXt", _with(b"iTXt", b"Comment\0\1\0\0\0" + long)
    yield "png with a long iCCP", _with(b"iCCP", b"profile\0\0" + long)
    yield "png with a zTXt of method 1", _with(b"zTXt", b"Comment\0\1" + zlib.compress(b"text"))
    yield "png with an iCCP of method 1", _with(b"iCCP", b"profile\0\1" + zlib.compress(b"text"))
    yield "png with an empty iCCP", _with(b"iCCP", b"")
    for kind in (b"gAMA", b"pHYs", b"cHRM", b"sRGB"):
        yield f"png with a short {kind.decode()}", _with(kind, b"")
    yield "png with a gamma", _with(b"gAMA", struct.pack(">I", 20_000))
    yield "png with a dangling eXIf", _with(b"eXIf", b"MM\0*\xff\xff\xff\xff")
    yield "png with a suggested palette", _with(b"PLTE", bytes(range(30)))
    yield "png with a ragged palette", _with(b"PLTE", bytes(1000))
    yield "png with a private chunk", _with(b"abCd", b"anything")
    yield "png with a name of no letters", _with(b"\xff\0 !", b"anything")
    yield "png with a late tRNS", _with(b"tRNS", bytes(6), before=b"IEND")
    yield "png with a late acTL", _with(b"acTL", bytes(8), before=b"IEND")
    file = plain()
    start, end = file.index(b"IDAT") - 4, file.index(b"IEND") - 4
    pixels = file[start + 8 : end - 4]
    halves = [png_chunk(b"IDAT", pixels[:500]), png_chunk(b"IDAT", pixels[500:])]
    amid = png_chunk(b"tEXt", b"Comment\0text")
    yield "png with a chunk amid its pixels", file[:start] + amid.join(halves) + file[end:]
    yield "png with a full IEND", file[:end] + png_chunk(b"IEND", b"anything")


def unknown() -> list[tuple[str, bytes]]:
    """(name, file) of whole PNGs with critical chunks that no decoder knows."""
    return [
        ("png with a critical ABCD", _with(b"ABCD", b"anything")),
        ("png with a critical IDAt", _with(b"IDAt", b"")),
        ("png with a late critical ABCD", _with(b"ABCD", b"anything", before=b"IEND")),
        ("png with a second IHDR", _with(b"IHDR", plain()[16:29])),
    ]


@functools.cache
def streams() -> list[tuple[str, bytes, bool]]:
    """(name, file, whether its pixels are whole) of PNGs whose chunks are all right."""
    return list(_streams())


def _streams() -> Iterator[tuple[str, bytes, bool]]:
    width, height = 40, 30
    image = np.asarray(scene(width, height, 6))
    rows = [b"\0" + row.tobytes() for row in image]
    packed = zlib.compress(b"".join(rows))
    wrong = packed[:-1] + bytes([packed[-1] ^ 1])
    small = bytearray(packed)
    small[0] = 0x08
    small[1] = 31 - (small[0] << 8) % 31

    def png(*parts: bytes, interlaced: int = 0) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
        pixels = b"".join(png_chunk(b"IDAT", part) for part in parts)
        start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
        return start + pixels + png_chunk(b"IEND", b"")

    yield "png in one piece", png(packed), True
    yield "png stored", png(zlib.compress(b"".join(rows), 0)), True
    yield "png in many pieces", png(b"", packed[:1], packed[1:-3], b"", packed[-3:], b""), True
    yield "png interlaced", png(zlib.compress(_adam7(image)), interlaced=1), True
    yield (
        "png interlaced but for a row",
        png(zlib.compress(_adam7(image)[:-61]), interlaced=1),
        False,
    )
    yield "png with a wrong checksum of pixels", png(wrong), False
    yield "png without a checksum of pixels", png(packed[:-4]), False
    yield "png with half its pixels", png(packed[: len(packed) // 2]), False
    yield "png of a row too few", png(zlib.compress(b"".join(rows[:-1]))), False
    yield "png of a byte too few", png(zlib.compress(b"".join(rows)[:-1])), False
    yield "png of a byte too many", png(zlib.compress(b"".join(rows) + b"\0")), False
    yield "png of a row too many", png(zlib.compress(b"".join([*rows, rows[0]]))), False
    yield "png with bytes after its pixels", png(packed + bytes(9)), False
    yield "png with a piece after its pixels", png(packed, b"anything"), False
    yield "png with its pixels twice", png(packed, packed), False
    yield "png with raw deflate", png(packed[2:-4]), False
    yield "png with a window too small", png(bytes(small)), _inflates(bytes(small))
    yield "png with no pixels", png(b""), False
    for place in (0, height // 2, height - 1):
        filters = [b"\5" + row[1:] if at == place else row for at, row in enumerate(rows)]
        yield f"png with filter 5 in row {place}", png(zlib.compress(b"".join(filters))), False


def _inflates(stream: bytes) -> bool:
    """Whether zlib takes it: a window may be too small for what refers back."""
    try:
        return bool(zlib.decompress(stream))
    except zlib.error:
        return False


def _adam7(image: np.ndarray) -> bytes:
    """The rows of the seven passes, without filters."""
    return b"".join(
        b"\0" + row.tobytes()
        for left, top, right, down in (
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
            (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
        )
        for row in image[top::down, left::right]
    )  # fmt: skip


def _with(kind: bytes, payload: bytes, before: bytes = b"IDAT") -> bytes:
    place = plain().index(before) - 4
    return plain()[:place] + png_chunk(kind, payload) + plain()[place:]
