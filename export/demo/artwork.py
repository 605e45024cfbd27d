"""Emoji artwork: Iconify's npm packages, drawn by resvg.

A package is one JSON file of SVG bodies under slugs of CLDR names. An alias is another icon,
perhaps turned or mirrored. The bodies come from a registry, so they are drawn without this
machine's fonts.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from export.demo.concepts import Concept, slug

TRAINING_VENDORS = (
    "noto",
    "noto-v1",
    "fxemoji",
    "fluent-emoji",
    "fluent-emoji-flat",
    "fluent-emoji-high-contrast",
    "emojione",
)
HELD_OUT_VENDORS = ("twemoji", "openmoji")
POOL_VENDOR = "twemoji"


class Icon(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    body: str
    width: float | None = None
    height: float | None = None
    left: float = 0
    top: float = 0
    hidden: bool = False


class Alias(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    parent: str
    h_flip: bool = False
    v_flip: bool = False
    rotate: int = 0
    """Quarter turns, clockwise."""


class _Icons(msgspec.Struct, frozen=True, kw_only=True):
    icons: dict[str, Icon]
    aliases: dict[str, Alias] = {}
    width: float = 16
    height: float = 16


class _LicenceInfo(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    spdx: str
    url: str


class _Author(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    url: str = ""


class VendorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a package's info.json says of itself."""

    name: str
    author: _Author
    license: _LicenceInfo


@dataclass(frozen=True, kw_only=True)
class Vendor:
    name: str
    svgs: dict[str, str]
    """Concept label -> a whole SVG document."""


def vendor_info(node_modules: Path, name: str) -> VendorInfo:
    path = node_modules / "@iconify-json" / name / "info.json"
    return msgspec.json.decode(path.read_bytes(), type=VendorInfo)


def load_vendor(node_modules: Path, name: str, concepts: Iterable[Concept]) -> Vendor:
    """One vendor's drawings of those concepts it drew. Raises FileNotFoundError."""
    found = load_icons(node_modules, name)
    svgs = {c.label: found[slug(c.label)] for c in concepts if slug(c.label) in found}
    return Vendor(name=name, svgs=svgs)


def load_icons(node_modules: Path, name: str) -> dict[str, str]:
    """A package's drawings: the slug of its name -> a whole SVG document. Raises
    FileNotFoundError."""
    path = node_modules / "@iconify-json" / name / "icons.json"
    package = msgspec.json.decode(path.read_bytes(), type=_Icons)
    found: dict[str, str] = {}
    for key, alias in package.aliases.items():
        if alias.parent in package.icons:
            icon = package.icons[alias.parent]
            found.setdefault(slug(key), _document(package, icon, alias))
    # Real icons win over aliases, and those in use over those kept for old users ("hidden").
    for hidden in (True, False):
        for key, icon in package.icons.items():
            if icon.hidden is hidden:
                found[slug(key)] = _document(package, icon, None)
    return found


def rasterise(svg: str, size: int) -> NDArray[np.uint8]:
    """The drawing, as large as fits a square of `size` pixels: uint8 [size, size, 4], RGBA with
    straight alpha, transparent where nothing is drawn."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, skip_system_fonts=True))
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    if image.size != (size, size):
        scale = size / max(image.size)
        fitted = image.resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
            Image.Resampling.BICUBIC,
        )
        image = Image.new("RGBA", (size, size))
        image.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    return np.asarray(image, dtype=np.uint8)


def _document(package: _Icons, icon: Icon, alias: Alias | None) -> str:
    width = icon.width or package.width
    height = icon.height or package.height
    body = icon.body
    if alias is not None:
        body = _turned(body, alias, icon.left + width / 2, icon.top + height / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width:g}" height="{height:g}" '
        f'viewBox="{icon.left:g} {icon.top:g} {width:g} {height:g}">{body}</svg>'
    )


def _turned(body: str, alias: Alias, x: float, y: float) -> str:
    """Mirrored, then turned, about the icon's middle."""
    horizontal = -1 if alias.h_flip else 1
    vertical = -1 if alias.v_flip else 1
    if alias.rotate == 0 and horizontal == vertical == 1:
        return body
    return (
        f'<g transform="translate({x:g} {y:g}) rotate({90 * alias.rotate}) '
        f'scale({horizontal} {vertical}) translate({-x:g} {-y:g})">{body}</g>'
    )
