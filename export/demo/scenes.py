"""Scenes: one or two drawings on a background, as an RGB picture.

Everything that matters lies inside the middle square, for that is what CLIP's preprocessing keeps
of a picture that isn't square.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RGBA = NDArray[np.uint8]
"""[size, size, 4], straight alpha."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (16, 16, 16),
    "grey": (136, 136, 136),
    "red": (214, 48, 44),
    "orange": (246, 140, 30),
    "yellow": (250, 218, 60),
    "green": (64, 164, 76),
    "teal": (32, 150, 150),
    "blue": (48, 96, 210),
    "light blue": (150, 205, 245),
    "purple": (126, 66, 170),
    "pink": (246, 150, 186),
    "brown": (122, 82, 52),
}


@dataclass(frozen=True, kw_only=True)
class Background:
    name: str | None
    """None for a plain one (white or nearly), which captions don't mention."""
    rgb: tuple[int, int, int]


def random_background(rng: np.random.Generator, coloured: float = 0.55) -> Background:
    """A plain background, or with probability `coloured` a named colour, slightly off."""
    if rng.random() >= coloured:
        level = 255 if rng.random() < 0.6 else int(rng.integers(232, 255))
        return Background(name=None, rgb=(level, level, level))
    name = list(COLOURS)[int(rng.integers(len(COLOURS)))]
    red, green, blue = (
        int(np.clip(channel + rng.integers(-14, 15), 0, 255)) for channel in COLOURS[name]
    )
    return Background(name=name, rgb=(red, green, blue))


def one(
    rng: np.random.Generator, art: RGBA, width: int, height: int, background: Background
) -> Image.Image:
    """One drawing, filling 55 to 98 % of the shorter side, sometimes turned by up to 15 degrees."""
    canvas = Image.new("RGB", (width, height), background.rgb)
    side = min(width, height)
    size = max(8, round(side * rng.uniform(0.55, 0.98)))
    room = side - size
    left = (width - side) // 2 + round(room * rng.uniform(0.1, 0.9))
    top = (height - side) // 2 + round(room * rng.uniform(0.1, 0.9))
    _paste(canvas, _prepared(rng, art, size, background), left, top)
    return canvas


def two(
    rng: np.random.Generator,
    arts: tuple[RGBA, RGBA],
    width: int,
    height: int,
    background: Background,
) -> Image.Image:
    """Two drawings, the first on the left, each filling 38 to 50 % of the shorter side."""
    canvas = Image.new("RGB", (width, height), background.rgb)
    side = min(width, height)
    for index, art in enumerate(arts):
        size = max(8, round(side * rng.uniform(0.38, 0.5)))
        left = (width - side) // 2 + index * side // 2 + (side // 2 - size) // 2
        top = (height - side) // 2 + round((side - size) * rng.uniform(0.25, 0.75))
        _paste(canvas, _prepared(rng, art, size, background), left, top)
    return canvas


def noisy(rng: np.random.Generator, image: Image.Image, deviation: float) -> Image.Image:
    """With Gaussian noise of that standard deviation, in steps of 1/255."""
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * deviation
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    """After a trip through JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _prepared(
    rng: np.random.Generator, art: RGBA, size: int, background: Background
) -> Image.Image:
    if _is_ink(art) and sum(background.rgb) < 330:
        art = np.concatenate([255 - art[..., :3], art[..., 3:]], axis=-1)
    # Premultiplied ("RGBa"), or the black under transparent pixels bleeds into the edges.
    image = Image.fromarray(art, "RGBA").convert("RGBa")
    image = image.resize((size, size), Image.Resampling.BICUBIC)
    if rng.random() < 0.4:
        angle = float(rng.uniform(-15, 15))
        image = image.rotate(angle, Image.Resampling.BILINEAR)
    return image.convert("RGBA")


def _is_ink(art: RGBA) -> bool:
    """A drawing in black ink alone, which would vanish on a dark background."""
    sample = art[::3, ::3]  # enough to tell, and nine times as fast
    return int(sample[..., :3][sample[..., 3] > 128].max(initial=0)) < 40


def _paste(canvas: Image.Image, drawing: Image.Image, left: int, top: int) -> None:
    canvas.paste(drawing, (left, top), drawing)
