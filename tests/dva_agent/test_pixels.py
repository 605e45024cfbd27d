from __future__ import annotations

import io

import numpy as np
import pytest
from dva_agent.bundle import Preprocessing
from dva_agent.headers import ImageKind
from dva_agent.images import sniff
from dva_agent.native.pixels import preprocess
from dva_agent.protocol import PairStatus
from PIL import Image

from export.openclip import open_clip
from tests.dva_agent.unlike import broken, unsupported
from tests.e2e.pictures import encoded, good, odd, plain, scene, unknown

SPECS = [(64, "shortest", 1), (224, "shortest", 3), (64, "squash", 3)]
"""Size, resize, and every how many of the pictures."""


def spec_of(size: int, resize: str) -> Preprocessing:
    return Preprocessing(
        size=size,
        resize="squash" if resize == "squash" else "shortest",
        interpolation="bicubic",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )


@pytest.mark.parametrize(("size", "resize", "step"), SPECS)
def test_pixels_are_open_clips_byte_for_byte(size: int, resize: str, step: int) -> None:
    transform = open_clip.transform.image_transform(
        size,
        is_train=False,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        resize_mode=resize,
        interpolation="bicubic",
    )
    wrong = []
    for name, data in good()[::step]:
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray((transform(image) * 255.0).round(), dtype=np.uint8)
        pixels = preprocess(data, spec_of(size, resize))
        if pixels is None or not np.array_equal(pixels, expected):
            wrong.append(name)
    assert wrong == []


def test_chunks_beside_the_picture_change_no_pixel() -> None:
    expected = preprocess(plain(), spec_of(64, "shortest"))
    assert expected is not None
    for name, data in odd():
        pixels = preprocess(data, spec_of(64, "shortest"))
        assert pixels is not None, name
        assert np.array_equal(pixels, expected), name


def test_unknown_critical_chunks_break_a_picture() -> None:
    for name, data in unknown():
        assert isinstance(sniff(data, len(data)), ImageKind), name
        assert preprocess(data, spec_of(64, "shortest")) is None, name


def test_what_sniff_refuses_is_not_decoded() -> None:
    for name, data in [*unsupported(), *broken()]:
        assert preprocess(data, spec_of(64, "shortest")) is None, name


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_half_a_picture_is_no_picture(format_: str) -> None:
    data = encoded(scene(200, 150, 5), format_)
    for share in (0.3, 0.6, 0.9, 0.99):
        assert preprocess(data[: int(len(data) * share)], spec_of(64, "shortest")) is None


def test_a_picture_whose_pixels_lie_is_no_picture() -> None:
    """A whole PNG of the right shape and checksums whose compressed data is too short."""
    small, large = encoded(scene(10, 10, 1), "PNG"), encoded(scene(90, 90, 1), "PNG")
    header = large[: large.index(b"IDAT") - 4]
    data = header + small[small.index(b"IDAT") - 4 :]
    assert not isinstance(sniff(data, len(data)), PairStatus)
    assert preprocess(data, spec_of(64, "shortest")) is None
