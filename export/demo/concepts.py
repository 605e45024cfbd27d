"""Concepts: what an emoji shows, under one name whoever drew it.

Names and tags come from emojibase-data (MIT), which carries Unicode's CLDR annotations. Every tenth
concept, picked by a hash, is held out: no vendor's drawing of it is ever trained on.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import msgspec

UNSEEN_OUT_OF = 10
"""One concept in this many is held out."""

FLAG = "flag: "
"""How the label of a country's flag begins."""

_REGIONAL_INDICATORS = None  # emojibase gives these 26 letters no group
_COMPONENTS = 2  # skin tone and hair swatches


@dataclass(frozen=True, kw_only=True)
class Concept:
    label: str
    """CLDR's short name, such as `flag: Japan`; artwork is found by its slug."""
    name: str
    """The label as a phrase, such as `flag of Japan`."""
    tags: tuple[str, ...]
    group: int
    subgroup: int
    hexcode: str
    seen: bool
    """Whether training may use it."""


class _Entry(msgspec.Struct, frozen=True):
    label: str
    hexcode: str
    tags: list[str] = []
    group: int | None = None
    subgroup: int | None = None


def slug(label: str) -> str:
    """A label or an icon's name, so that both compare equal: ASCII letters and digits only."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "", ascii_only.lower())


def phrase(label: str) -> str:
    """`flag: Japan` -> `flag of Japan`, `man: beard` -> `man with beard`."""
    kind, colon, rest = label.partition(": ")
    if not colon:
        return label
    joint = {"flag": " of ", "family": " of ", "keycap": " "}.get(kind, " with ")
    if rest.startswith("facing "):
        joint = " "
    return f"{kind}{joint}{rest}"


def is_seen(hexcode: str) -> bool:
    """Fixed for ever by the emoji's code points, so that a longer list moves no concept across."""
    digest = hashlib.sha256(f"demo concept {hexcode}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % UNSEEN_OUT_OF != 0


def load_concepts(node_modules: Path) -> list[Concept]:
    """All concepts, in emojibase's order, without skin tones. Raises FileNotFoundError."""
    entries = msgspec.json.decode(
        (node_modules / "emojibase-data/en/data.json").read_bytes(), type=list[_Entry]
    )
    concepts = {
        slug(entry.label): Concept(
            label=entry.label,
            name=phrase(entry.label),
            tags=tuple(entry.tags),
            group=entry.group,
            subgroup=entry.subgroup or 0,
            hexcode=entry.hexcode,
            seen=is_seen(entry.hexcode),
        )
        for entry in entries
        if entry.group is not _REGIONAL_INDICATORS and entry.group != _COMPONENTS
    }
    return list(concepts.values())


def load_names(node_modules: Path, language: str) -> dict[str, str]:
    """Hexcode -> the emoji's name in another of emojibase's languages, such as `de`."""
    entries = msgspec.json.decode(
        (node_modules / f"emojibase-data/{language}/data.json").read_bytes(), type=list[_Entry]
    )
    return {entry.hexcode: entry.label for entry in entries}
