"""What words mean, in other words: WordNet's glosses of the words in emoji names and tags.

Half of the held-out names have a word that no trained name or tag has. A gloss says in known words
what such a word is, so the text tower learns to put a term near its gloss; no picture is involved.
glossary.json is made by `glossary_maker`; WordNet's licence lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from export.demo import captions

GLOSSARY = Path(__file__).parent / "glossary.json"
GLOSSARY_LICENCE = Path(__file__).parent / "glossary.LICENSE.txt"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One sense of a term."""

    term: str
    gloss: str
    others: tuple[str, ...]
    """Other words for the same."""
    kinds: tuple[str, ...]
    """What it is a kind of, the nearest first; none for an adjective."""


def load_glossary() -> list[Entry]:
    return msgspec.json.decode(GLOSSARY.read_bytes(), type=list[Entry])


def explained(
    rng: np.random.Generator, entries: Sequence[Entry], count: int
) -> tuple[list[str], list[str]]:
    """`count` distinct terms as captions of them, and what each is in other words."""
    picked: dict[str, Entry] = {}
    for index in rng.permutation(len(entries)):
        picked.setdefault(entries[int(index)].term, entries[int(index)])
        if len(picked) == count:
            break
    terms = [captions.pick(rng, captions.TEMPLATES).format(n=term) for term in picked]
    return terms, [meaning(rng, entry) for entry in picked.values()]


def meaning(rng: np.random.Generator, entry: Entry) -> str:
    """The gloss, or synonyms and kinds, or the gloss after them."""
    near = ", ".join((*entry.others, *entry.kinds))
    draw = rng.random()
    if not near or draw < 0.5:
        return entry.gloss
    return near if draw < 0.75 else f"{near}: {entry.gloss}"
