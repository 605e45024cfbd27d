"""The demo pool's pictures: a planned pair -> an encoded file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from export.demo import scenes
from export.demo.artwork import rasterise
from export.demo.pool_plan import PlannedPair

SIDE = 192
"""Pixels a drawing is rasterised at."""


def picture(pair: PlannedPair, svgs: Sequence[str]) -> bytes:
    """The pair's picture as a JPEG, PNG or lossy WebP file: 8-bit RGB, without EXIF or profile.

    `svgs` are the documents of the pair's one or two concepts.
    """
    rng = np.random.default_rng(pair.seed)
    arts = [_drawing(svg) for svg in svgs]
    if len(arts) == 1:
        image = scenes.one(rng, arts[0], pair.width, pair.height, pair.background)
    else:
        image = scenes.two(rng, (arts[0], arts[1]), pair.width, pair.height, pair.background)
    if rng.random() < 0.15:
        image = scenes.noisy(rng, image, float(rng.uniform(2, 6)))
    return _encoded(rng, image, pair.extension)


@lru_cache(maxsize=64)
def _drawing(svg: str) -> scenes.RGBA:
    return rasterise(svg, SIDE)


def _encoded(rng: np.random.Generator, image: Image.Image, extension: str) -> bytes:
    buffer = io.BytesIO()
    quality = int(rng.integers(60, 96))
    if extension == "jpg":
        image.save(
            buffer,
            "JPEG",
            quality=quality,
            subsampling="4:2:0" if rng.random() < 0.7 else "4:4:4",
            progressive=bool(rng.random() < 0.25),
        )
    elif extension == "png":
        image.save(buffer, "PNG", compress_level=4)
    else:
        image.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
