"""Flags, found by country codes and by other names than CLDR's."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.demo.artwork import HELD_OUT_VENDORS, rasterise
from export.demo.concepts import FLAG, Concept, load_concepts
from export.demo.flags import FLAG_VENDORS, code, load_flags

NODE_MODULES = Path(__file__).resolve().parents[2] / "node_modules"


@pytest.fixture(scope="module")
def flags() -> dict[str, Concept]:
    return {c.label: c for c in load_concepts(NODE_MODULES) if c.label.startswith(FLAG)}


@pytest.mark.parametrize(
    ("country", "expected"), [("Japan", "jp"), ("Åland Islands", "ax"), ("Wales", "gbwls")]
)
def test_a_flag_has_its_country_s_code(
    flags: dict[str, Concept], country: str, expected: str
) -> None:
    assert code(flags[FLAG + country]) == expected


@pytest.mark.parametrize("vendor", FLAG_VENDORS)
def test_most_flags_are_found(flags: dict[str, Concept], vendor: str) -> None:
    drawn = load_flags(NODE_MODULES, vendor, flags.values()).svgs
    assert len(drawn) > 200
    assert set(drawn) <= set(flags)


@pytest.mark.parametrize("vendor", FLAG_VENDORS)
def test_japan_s_is_a_red_disc_on_white(flags: dict[str, Concept], vendor: str) -> None:
    japan = flags[FLAG + "Japan"]
    art = rasterise(load_flags(NODE_MODULES, vendor, [japan]).svgs[japan.label], 64).astype(int)
    red, green, blue, alpha = art[32, 32]
    assert alpha == 255
    assert red > 150 > 100 > max(green, blue)
    assert art[32, 10, :3].min() > 200


def test_only_the_flags_asked_for_come(flags: dict[str, Concept]) -> None:
    seen = [flag for flag in flags.values() if flag.seen]
    for vendor in FLAG_VENDORS:
        assert set(load_flags(NODE_MODULES, vendor, seen).svgs) <= {flag.label for flag in seen}


def test_no_flag_s_vendor_is_measured() -> None:
    assert not set(FLAG_VENDORS) & set(HELD_OUT_VENDORS)
