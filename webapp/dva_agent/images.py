"""Which pictures every engine turns into the same pixels, told from their first bytes.

The tab decodes with the browser, a terminal with Pillow. They agree byte for byte on the kinds that
`sniff` lets through; any other picture gets a status instead of a guess. Why these and no others,
and how to add one: docs/decisions/0007-image-kinds.md. The same function decides in both places, so
statuses agree as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from dva_agent.bundle import Preprocessing
from dva_agent.headers import Broken, ImageKind, Short, Unsupported, header
from dva_agent.protocol import PairStatus

FIRST_READ = 2048
"""Bytes of an image to try `sniff` with first; nearly every header is shorter."""

MAX_SIDE = 16_384
MAX_PIXELS = 1 << 26
MAX_RESIZED_PIXELS = 1 << 24
"""Of the whole resized picture, before its centre is cut out: a long thin strip grows."""


@dataclass(frozen=True, kw_only=True)
class MoreNeeded:
    """The header goes on: ask again with at least this many first bytes."""

    head: int


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Resize to width x height, then cut size x size out at (left, top)."""

    width: int
    height: int
    left: int
    top: int


def sniff(head: bytes, size: int) -> ImageKind | PairStatus | MoreNeeded:
    """What the image of `size` bytes is, from its first bytes. PairStatus is IMAGE_BROKEN or
    IMAGE_UNSUPPORTED. `head` shorter than `size` may give MoreNeeded, never for more than `size`,
    and each time for at least four times as many, so that the whole costs O(size)."""
    try:
        kind = header(head)
    except Unsupported:
        return PairStatus.IMAGE_UNSUPPORTED
    except Broken:
        return PairStatus.IMAGE_BROKEN
    except Short as short:
        if short.end > size or len(head) >= size:
            return PairStatus.IMAGE_BROKEN
        return MoreNeeded(head=min(size, max(short.end + 64, 4 * len(head))))
    return kind if kind.width and kind.height else PairStatus.IMAGE_BROKEN


def geometry(width: int, height: int, spec: Preprocessing) -> Geometry:
    """open_clip's image_transform in numbers: torchvision's Resize of the shorter side and its
    CenterCrop, or both sides squashed."""
    size = spec.size
    if spec.resize == "squash":
        return Geometry(width=size, height=size, left=0, top=0)
    if width <= height:
        new_width, new_height = size, int(size * height / width)
    else:
        new_width, new_height = int(size * width / height), size
    return Geometry(
        width=new_width,
        height=new_height,
        left=round((new_width - size) / 2.0),
        top=round((new_height - size) / 2.0),
    )


def fits(kind: ImageKind, spec: Preprocessing) -> bool:
    """Whether an engine should take it: limits on sides, decoded and resized pixels."""
    if max(kind.width, kind.height) > MAX_SIDE or kind.width * kind.height > MAX_PIXELS:
        return False
    plan = geometry(kind.width, kind.height, spec)
    return plan.width * plan.height <= MAX_RESIZED_PIXELS
