from __future__ import annotations

import struct
import zlib

import pytest
from dva_agent.headers import ImageKind
from dva_agent.images import sniff
from dva_agent.scanlines import are_whole, passes
from dva_agent.wholeness import is_whole
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.pictures import encoded, good, odd, scene, streams, unknown

SAMPLES = {
    "jpeg": encoded(scene(40, 30, 1), "JPEG"),
    "jpeg progressive": encoded(scene(40, 30, 1), "JPEG", progressive=True),
    "png": encoded(scene(40, 30, 1), "PNG"),
    "webp": encoded(scene(40, 30, 1), "WEBP"),
    "webp lossless": encoded(scene(40, 30, 1), "WEBP", lossless=True),
}


def whole(name: str, data: bytes) -> bool:
    for format_ in ("jpeg", "png", "webp"):
        if format_ in name.split():
            return is_whole(format_, data)
    raise AssertionError(name)


def test_whole_pictures() -> None:
    assert [name for name, data in [*good(), *odd()] if not whole(name, data)] == []


def test_unknown_critical_chunks_break_a_png() -> None:
    assert [name for name, data in unknown() if whole(name, data)] == []


@pytest.mark.parametrize("name", [name for name, _, _ in streams()])
def test_a_pngs_pixels_are_those_of_its_header(name: str) -> None:
    file, is_good = next((file, is_good) for known, file, is_good in streams() if known == name)
    assert isinstance(sniff(file, len(file)), ImageKind)
    assert is_whole("png", file) == is_good


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 1]), st.sampled_from([0, 2]))
def test_every_size_of_png(width: int, height: int, interlaced: int, colour: int) -> None:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, interlaced)
    rows = [bytes(length) for length, count in passes(header) for _ in range(count)]
    pixels = sum(length - 1 for length, count in passes(header) for _ in range(count))
    assert pixels == width * height * (3 if colour == 2 else 1)
    assert are_whole(header, zlib.compress(b"".join(rows)))
    assert not are_whole(header, zlib.compress(b"".join(rows[:-1])))
    assert not are_whole(header, zlib.compress(b"".join([*rows, b"\0"])))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_truncation_shows(name: str) -> None:
    data = SAMPLES[name]
    shortest = 12 if "webp" in name else 8
    assert [cut for cut in range(shortest, len(data)) if whole(name, data[:cut])] == []


def test_a_jpegs_thumbnail_is_not_its_end() -> None:
    thumbnail = encoded(scene(8, 8, 2), "JPEG")
    data = encoded(scene(40, 30, 1), "JPEG", comment=thumbnail)
    assert is_whole("jpeg", data)
    assert not is_whole("jpeg", data[:-2])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_in_a_pngs_pixels_shows(place: int, change: int) -> None:
    data = bytearray(SAMPLES["png"])
    start = data.index(b"IDAT")
    end = data.index(b"IEND") - 4
    position = start + place % (end - start)
    data[position] ^= change
    assert not is_whole("png", bytes(data))
