from __future__ import annotations

import io

import pytest
from dva_agent.bundle import Preprocessing
from dva_agent.headers import ImageKind
from dva_agent.images import MAX_PIXELS, MAX_SIDE, MoreNeeded, fits, geometry, sniff
from dva_agent.protocol import PairStatus
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from tests.dva_agent.unlike import broken, unsupported
from tests.e2e.pictures import encoded, good, odd, png_chunk, scene

SHORTEST = Preprocessing(
    size=224,
    resize="shortest",
    interpolation="bicubic",
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)


def in_steps(data: bytes, first: int) -> tuple[ImageKind | PairStatus, list[int]]:
    """The verdict as an engine gets it, reading ever more of the file, and how much it read."""
    reads = [min(first, len(data))]
    while isinstance(verdict := sniff(data[: reads[-1]], len(data)), MoreNeeded):
        assert reads[-1] < verdict.head <= len(data)
        reads.append(verdict.head)
    return verdict, reads


@pytest.mark.parametrize(("name", "data"), good(), ids=[name for name, _ in good()])
def test_good_pictures_pass_with_their_size(name: str, data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    kind = sniff(data, len(data))
    assert isinstance(kind, ImageKind)
    assert (kind.width, kind.height) == (width, height)
    assert kind.format in name
    assert fits(kind, SHORTEST)


@pytest.mark.parametrize(("name", "data"), odd(), ids=[name for name, _ in odd()])
def test_chunks_beside_the_picture_dont_matter(name: str, data: bytes) -> None:
    kind = sniff(data, len(data))
    assert isinstance(kind, ImageKind)
    assert (kind.format, kind.width, kind.height) == ("png", 90, 70)


@pytest.mark.parametrize(("name", "data"), unsupported(), ids=[name for name, _ in unsupported()])
def test_pictures_that_decoders_dispute_are_named(name: str, data: bytes) -> None:
    assert sniff(data, len(data)) == PairStatus.IMAGE_UNSUPPORTED


@pytest.mark.parametrize(("name", "data"), list(broken()), ids=[name for name, _ in broken()])
def test_what_is_no_picture_is_broken(name: str, data: bytes) -> None:
    assert sniff(data, len(data)) == PairStatus.IMAGE_BROKEN


@pytest.mark.parametrize("first", [1, 16, 64, 2048])
def test_reading_in_steps_changes_nothing_and_costs_no_more_than_the_file(first: int) -> None:
    for _, data in [*good(), *unsupported(), *broken()]:
        verdict, reads = in_steps(data, first)
        assert verdict == sniff(data, len(data))
        assert sum(reads) <= 2 * max(len(data), first)


def test_a_header_behind_a_large_profile_is_found() -> None:
    data = encoded(scene(64, 48, 3), "JPEG", icc_profile=bytes(300_000))
    verdict, reads = in_steps(data, 2048)
    assert isinstance(verdict, ImageKind)
    assert len(reads) > 1


@given(st.binary(max_size=200), st.integers(0, 300))
@example(b"\xff\xd8\xff\xc0\x00\x05\x08\x00\x00", 300)
@example(b"RIFF\xff\xff\xff\xffWEBPVP8X\x00\x00\x00\x00" + bytes(16), 300)
def test_any_bytes_get_a_verdict(head: bytes, more: int) -> None:
    verdict = sniff(head, len(head) + more)
    if isinstance(verdict, PairStatus):
        assert verdict in (PairStatus.IMAGE_BROKEN, PairStatus.IMAGE_UNSUPPORTED)


@given(st.data())
def test_a_damaged_header_gets_a_verdict(data: st.DataObject) -> None:
    _, file = data.draw(st.sampled_from([*good()[:60], *unsupported()]))
    head = bytearray(file[:600])
    for _ in range(data.draw(st.integers(1, 4))):
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    sniff(bytes(head), len(file))


@pytest.mark.parametrize(
    ("width", "height", "fitting"),
    [
        (MAX_SIDE, MAX_PIXELS // MAX_SIDE, True),
        (MAX_SIDE, MAX_PIXELS // MAX_SIDE + 1, False),
        (MAX_SIDE + 1, 1000, False),
        (1, 300, True),
        (1, 335, False),
        (16_384, 48, False),
    ],
)
def test_limits(width: int, height: int, fitting: bool) -> None:
    kind = ImageKind(format="png", width=width, height=height)
    assert fits(kind, SHORTEST) is fitting


def test_squashing_has_no_long_side() -> None:
    squash = Preprocessing(
        size=378, resize="squash", interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
    )
    plan = geometry(16_384, 1, squash)
    assert (plan.width, plan.height, plan.left, plan.top) == (378, 378, 0, 0)


def test_lengths_that_lie_ask_for_no_more_than_the_file() -> None:
    lying = b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xf0IHDR" + bytes(40)
    assert sniff(lying, len(lying)) == PairStatus.IMAGE_BROKEN
    profile = png_chunk(b"iCCP", bytes(10)).replace(
        b"\x00\x00\x00\x0aiCCP", b"\x7f\xff\xff\xffiCCP"
    )
    header = encoded(scene(8, 8, 0), "PNG")[:33]
    assert sniff(header + profile, 5000) == PairStatus.IMAGE_BROKEN
