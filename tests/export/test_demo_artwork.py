"""Names, drawings, scenes and the preprocessing that training and inference must share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from export.demo import scenes
from export.demo.artwork import (
    HELD_OUT_VENDORS,
    TRAINING_VENDORS,
    load_vendor,
    rasterise,
    vendor_info,
)
from export.demo.concepts import load_concepts, load_names, phrase, slug
from export.demo.preprocess import pixels
from export.openclip import open_clip

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"


def test_slugs_of_labels_and_icons_meet() -> None:
    assert slug("flag: Côte d’Ivoire") == slug("flag-cote-divoire")  # noqa: RUF001
    assert slug("1st place medal") == slug("1st-place-medal")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("red apple", "red apple"),
        ("flag: Japan", "flag of Japan"),
        ("man: beard", "man with beard"),
        ("keycap: 1", "keycap 1"),
        ("family: man, woman, boy", "family of man, woman, boy"),
        ("woman running: facing right", "woman running facing right"),
    ],
)
def test_labels_become_phrases(label: str, expected: str) -> None:
    assert phrase(label) == expected


def test_a_tenth_of_the_concepts_is_held_out() -> None:
    concepts = load_concepts(NODE_MODULES)
    assert len({concept.label for concept in concepts}) == len(concepts) > 1800
    unseen = sum(not concept.seen for concept in concepts) / len(concepts)
    assert 0.07 < unseen < 0.13


def test_other_languages_have_their_own_names() -> None:
    apple = next(c for c in load_concepts(NODE_MODULES) if c.label == "red apple")
    assert load_names(NODE_MODULES, "de")[apple.hexcode] == "roter Apfel"


def test_no_vendor_trains_and_measures() -> None:
    assert not set(TRAINING_VENDORS) & set(HELD_OUT_VENDORS)


def test_training_uses_no_share_alike_artwork() -> None:
    licences = {name: vendor_info(NODE_MODULES, name).license.spdx for name in TRAINING_VENDORS}
    assert set(licences.values()) == {"Apache-2.0", "MIT", "CC-BY-4.0"}


def test_a_drawing_has_transparent_corners_and_the_right_colour() -> None:
    concepts = [c for c in load_concepts(NODE_MODULES) if c.label == "red circle"]
    vendor = load_vendor(NODE_MODULES, "twemoji", concepts)
    art = rasterise(vendor.svgs["red circle"], 64)
    assert art.shape == (64, 64, 4)
    assert art[0, 0, 3] == 0
    red, green, blue, alpha = (int(channel) for channel in art[32, 32])
    assert alpha == 255
    assert red > 180 > 100 > max(green, blue)


def test_a_mirrored_alias_is_drawn_mirrored() -> None:
    labels = {"backhand index pointing left", "backhand index pointing right"}
    concepts = [c for c in load_concepts(NODE_MODULES) if c.label in labels]
    svgs = load_vendor(NODE_MODULES, "fluent-emoji-flat", concepts).svgs
    left = rasterise(svgs["backhand index pointing left"], 96).astype(int)
    right = rasterise(svgs["backhand index pointing right"], 96).astype(int)
    assert np.abs(left - right[:, ::-1]).mean() < 2
    assert np.abs(left - right).mean() > 20


def test_ink_turns_white_on_a_dark_background() -> None:
    ink = np.zeros((32, 32, 4), dtype=np.uint8)
    ink[8:24, 8:24, 3] = 255
    for rgb, lighter in (((16, 16, 16), True), ((255, 255, 255), False)):
        background = scenes.Background(name=None, rgb=rgb)
        rng = np.random.default_rng(3)
        drawn = np.asarray(scenes.one(rng, ink, 64, 64, background)).astype(int)
        assert drawn.max() == 255 if lighter else drawn.min() == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 300), st.integers(8, 300), st.integers(0, 2**32 - 1))
def test_pixels_are_those_of_open_clip(width: int, height: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    transform = open_clip.transform.image_transform(
        64, is_train=False, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    expected = (transform(image) * 255).round().byte().numpy()
    assert np.array_equal(pixels(image, 64), expected)
