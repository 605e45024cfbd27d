"""Flags, which the sets of icons keep under other names than CLDR's: a country's code, mostly.

They are looked for concept by concept, so a held-out flag is found only by who asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from export.demo.artwork import Vendor, load_icons
from export.demo.concepts import FLAG, Concept, slug

FLAG_VENDORS = {
    "emojione": "flag for {name}",
    "circle-flags": "{code}",
    "flagpack": "{code}",
    "flag": "{code}-4x3",
}
"""Iconify's package -> how it names the flag of a country."""

_LETTER_A = 0x1F1E6  # REGIONAL INDICATOR SYMBOL LETTER A
_TAG_SPACE = 0xE0020  # England's, Scotland's and Wales's are spelt in tag letters
_TAG_END = 0xE007F


def code(concept: Concept) -> str:
    """`flag: Japan` -> `jp`, `flag: Wales` -> `gbwls`."""
    letters = ""
    for point in (int(part, 16) for part in concept.hexcode.split("-")):
        if _LETTER_A <= point < _LETTER_A + 26:
            letters += chr(ord("a") + point - _LETTER_A)
        elif _TAG_SPACE < point < _TAG_END:
            letters += chr(point - _TAG_SPACE + ord(" "))
    return letters


def load_flags(node_modules: Path, name: str, concepts: Iterable[Concept]) -> Vendor:
    """One of FLAG_VENDORS' drawings of those concepts that are countries' flags."""
    icons = load_icons(node_modules, name)
    svgs = {}
    for concept in concepts:
        if concept.label.startswith(FLAG):
            country = concept.label.removeprefix(FLAG).replace("&", "and")
            key = slug(FLAG_VENDORS[name].format(name=country, code=code(concept)))
            if key in icons:
                svgs[concept.label] = icons[key]
    return Vendor(name=f"{name}-flags", svgs=svgs)
