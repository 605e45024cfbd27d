"""Draw the golden pictures and write pairs.json: `python -m export.golden.draw`.

Scenes from twemoji artwork (CC-BY-4.0, see README.md), noise, gradients and stripes, in the
encodings and proportions that a pool holds: every one of a kind that all engines decode alike.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from export.demo.artwork import rasterise
from export.golden import PAIRS, PICTURES, Pair
from export.golden.captions import CAPTIONS

ICONS = Path("node_modules/@iconify-json/twemoji/icons.json")

JPEG_420 = {"format": "JPEG", "quality": 82, "subsampling": 2}
JPEG_444 = {"format": "JPEG", "quality": 90, "subsampling": 0}
JPEG_PROGRESSIVE = {"format": "JPEG", "quality": 75, "subsampling": 2, "progressive": True}
PNG = {"format": "PNG", "optimize": True}
WEBP = {"format": "WEBP", "quality": 80, "method": 6}
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    subject: str
    """An icon of twemoji, or one of the patterns below."""
    width: int
    height: int
    encoding: dict[str, Any]
    background: tuple[int, int, int] = (255, 255, 255)
    grey: bool = False


RED, BLUE, GREEN, GOLD = (214, 48, 44), (48, 96, 210), (64, 164, 76), (250, 218, 60)
DARK, PALE = (24, 24, 32), (235, 240, 250)

PICTURES_DRAWN: tuple[Picture, ...] = (
    Picture(subject="red-apple", width=256, height=256, encoding=JPEG_420),
    Picture(subject="dog-face", width=320, height=240, encoding=JPEG_444, background=PALE),
    Picture(subject="rocket", width=240, height=320, encoding=JPEG_PROGRESSIVE, background=BLUE),
    Picture(subject="sunflower", width=64, height=64, encoding=PNG),
    Picture(subject="fire-engine", width=500, height=375, encoding=WEBP, background=GOLD),
    Picture(subject="smiling-cat-with-heart-eyes", width=224, height=224, encoding=JPEG_420),
    Picture(subject="taxi", width=800, height=600, encoding=JPEG_420, background=DARK),
    Picture(subject="pizza", width=63, height=65, encoding=PNG, background=RED),
    Picture(subject="frog", width=128, height=96, encoding=WEBP),
    Picture(subject="snowman-without-snow", width=31, height=47, encoding=JPEG_444),
    Picture(subject="hot-beverage", width=640, height=427, encoding=JPEG_PROGRESSIVE),
    Picture(subject="violin", width=101, height=257, encoding=JPEG_420, background=GREEN),
    Picture(subject="sailboat", width=768, height=512, encoding=WEBP, background=BLUE),
    Picture(subject="octopus", width=16, height=16, encoding=PNG),
    Picture(subject="umbrella-with-rain-drops", width=300, height=300, encoding=JPEG_444),
    Picture(subject="mushroom", width=225, height=223, encoding=JPEG_420, background=PALE),
    Picture(subject="gradient", width=512, height=384, encoding=JPEG_420),
    Picture(subject="gradient", width=97, height=89, encoding=PNG),
    Picture(subject="stripes", width=400, height=300, encoding=PNG),
    Picture(subject="stripes", width=333, height=222, encoding=JPEG_444),
    Picture(subject="noise", width=48, height=40, encoding=PNG),
    Picture(subject="noise", width=150, height=100, encoding=WEBP),
    Picture(subject="noise", width=200, height=130, encoding=JPEG_PROGRESSIVE),
    Picture(subject="gradient", width=600, height=24, encoding=JPEG_420),
    Picture(subject="stripes", width=20, height=500, encoding=PNG),
    Picture(subject="noise", width=3, height=5, encoding=PNG),
    Picture(subject="gradient", width=1, height=1, encoding=PNG),
    Picture(subject="noise", width=2, height=30, encoding=PNG),
    Picture(subject="bust-in-silhouette", width=270, height=180, encoding=JPEG_420, grey=True),
    Picture(subject="gradient", width=130, height=130, encoding=PNG, grey=True),
    Picture(subject="black-cat", width=720, height=405, encoding=WEBP, background=PALE),
    Picture(subject="bouquet", width=377, height=379, encoding=JPEG_444),
    Picture(subject="airplane", width=450, height=800, encoding=JPEG_PROGRESSIVE, background=PALE),
    Picture(subject="teapot", width=192, height=108, encoding=JPEG_420, background=RED),
    Picture(subject="lion", width=72, height=128, encoding=WEBP, background=GREEN),
    Picture(subject="wrapped-gift", width=449, height=447, encoding=JPEG_420, background=GOLD),
    Picture(subject="christmas-tree", width=88, height=88, encoding=JPEG_444, background=DARK),
    Picture(subject="butterfly", width=225, height=450, encoding=PNG),
    Picture(subject="guitar", width=356, height=200, encoding=JPEG_PROGRESSIVE),
    Picture(subject="crab", width=41, height=29, encoding=JPEG_420),
)


def gradient(width: int, height: int) -> Image.Image:
    across = np.linspace(0, 255, width)[None, :]
    down = np.linspace(255, 0, height)[:, None]
    planes = (across + 0 * down, 0 * across + down, (across + down) / 2)
    return Image.fromarray(np.rint(np.stack(planes, axis=2)).astype(np.uint8))


def stripes(width: int, height: int) -> Image.Image:
    """Finer and finer: what resampling gets wrong first."""
    place = np.arange(width, dtype=np.float64) ** 2 / (3.0 * width)
    wave = np.rint(127.5 + 127.5 * np.cos(place))[None, :].repeat(height, axis=0)
    down = np.arange(height)[:, None].repeat(width, axis=1) * 7 % 256
    return Image.fromarray(np.stack((wave, 255 - wave, down), axis=2).astype(np.uint8))


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


PATTERNS: dict[str, Callable[[int, int], Image.Image]] = {
    "gradient": gradient,
    "stripes": stripes,
    "noise": noise,
}


def scene(svg: str, picture: Picture) -> Image.Image:
    """The icon in the middle of a plain background."""
    side = max(1, round(0.86 * min(picture.width, picture.height)))
    icon = Image.fromarray(rasterise(svg, side))
    canvas = Image.new("RGB", (picture.width, picture.height), picture.background)
    canvas.paste(icon, ((picture.width - side) // 2, (picture.height - side) // 2), icon)
    return canvas


def encode(image: Image.Image, picture: Picture) -> bytes:
    file = io.BytesIO()
    (image.convert("L") if picture.grey else image).save(file, **picture.encoding)
    return file.getvalue()


def draw(icons: Path) -> list[tuple[Pair, bytes]]:
    """Every golden pair with its encoded picture. Raises KeyError for an unknown icon."""
    package = json.loads(icons.read_bytes())
    width, height = package.get("width", 16), package.get("height", 16)
    drawn = []
    for number, (picture, caption) in enumerate(zip(PICTURES_DRAWN, CAPTIONS, strict=True)):
        if picture.subject in PATTERNS:
            image = PATTERNS[picture.subject](picture.width, picture.height)
        else:
            body = package["icons"][picture.subject]["body"]
            svg = (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}">{body}</svg>'
            )
            image = scene(svg, picture)
        name = f"{number:02d}-{picture.subject}.{SUFFIX[picture.encoding['format']]}"
        drawn.append((Pair(picture=name, caption=caption), encode(image, picture)))
    return drawn


def main() -> None:
    drawn = draw(ICONS)
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.iterdir():
        old.unlink()
    for pair, body in drawn:
        (PICTURES / pair.picture).write_bytes(body)
    pairs = msgspec.json.encode([pair for pair, _ in drawn])
    PAIRS.write_bytes(msgspec.json.format(pairs, indent=1) + b"\n")


if __name__ == "__main__":
    main()
