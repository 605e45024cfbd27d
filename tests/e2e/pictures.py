"""Pictures of the kinds that every engine must turn into the same pixels, and broken ones."""

from __future__ import annotations

import functools
import io
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
