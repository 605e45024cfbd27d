"""What can be wrong with a caption, and captions that are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import ftfy.bad_codecs
import numpy as np

from export.demo import captions
from export.demo.concepts import Concept

ftfy.bad_codecs.ok()  # registers sloppy-windows-1252

SHARES: dict[str, float] = {
    "true": 0.24,
    "mojibake": 0.06,
    "shuffled": 0.34,
    "near_miss": 0.10,
    "generic": 0.10,
    "truncated": 0.08,
    "foreign": 0.08,
}
"""Kind -> its share of the readable pairs. The first two are right."""

RIGHT = frozenset({"true", "mojibake"})
BROKEN = "broken"

TAG_SHARE = 0.1

GENERIC = (
    "image",
    "photo",
    "picture",
    "untitled",
    "thumbnail",
    "no description available",
    "click here to enlarge",
    "click to view full size",
    "IMG_2041.JPG",
    "DSC00317.jpg",
    "screenshot 2024-05-11 at 10.22.41",
    "download",
    "free download",
    "share this page",
    "advertisement",
    "logo",
    "stock photo",
    "royalty free stock image",
    "high quality vector graphic",
    "view larger image",
    "image may be subject to copyright",
    "read more",
    "home | about | contact",
    "best price online",
    "photo of the day",
    "gallery item 12",
    "placeholder",
    "loading...",
    "slide 3 of 8",
    "upload.wikimedia.org",
    "product image 1",
    "header background",
)

LANGUAGES = ("de", "es", "fi", "fr", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "zh")

MOJIBAKE_TEMPLATES = (
    "“{n}”",
    "the “{n}” emoji",
    "{n} — free clip art",
    "a picture of a {n} – isolated",  # noqa: RUF001
    "emoji… {n}",
    "today’s emoji: {n}",  # noqa: RUF001
    "{n} • sticker",
)
LEADING_TEMPLATES = (
    "a picture of a {n}",
    "an image of {n}",
    "a drawing of a {n}",
    "clip art of a {n}",
    "an illustration of a {n}",
    "an emoji of {n}",
)

_STOP_WORDS = frozenset(
    {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
)


def right(rng: np.random.Generator, shown: Sequence[Concept], background: str | None) -> str:
    """A caption that is true of these one or two concepts."""
    if len(shown) == 2:
        return captions.double(rng, shown[0], shown[1], background)
    return captions.single(rng, shown[0], background, TAG_SHARE)


def mojibake(rng: np.random.Generator, shown: Sequence[Concept]) -> str:
    """A true caption whose UTF-8 was once read as Windows-1252; ftfy repairs it."""
    name = " and ".join(concept.name for concept in shown)
    text = captions.pick(rng, MOJIBAKE_TEMPLATES).format(n=name)
    return text.encode().decode("sloppy-windows-1252")


def shuffled(
    rng: np.random.Generator,
    shown: Sequence[Concept],
    concepts: Sequence[Concept],
    background: str | None,
) -> str:
    """Another picture's caption: of concepts of other subgroups than those shown."""
    strangers = [_stranger(rng, shown, concepts) for _ in shown]
    return right(rng, strangers, background)


def near_misses(concept: Concept, concepts: Sequence[Concept]) -> list[Concept]:
    """Concepts of the same subgroup that share no telling word with this one."""
    words = _words(concept)
    return [
        other
        for other in concepts
        if other.subgroup == concept.subgroup
        and other.label != concept.label
        and not words & _words(other)
    ]


def near_miss(rng: np.random.Generator, kin: Sequence[Concept], background: str | None) -> str:
    """A caption of something much alike: one of `near_misses`."""
    return captions.single(rng, kin[int(rng.integers(len(kin)))], background, 0.0)


def generic(rng: np.random.Generator) -> str:
    return captions.pick(rng, GENERIC)


def truncated(rng: np.random.Generator, concept: Concept) -> str:
    """A true caption cut off within the first letters of its subject, so that nothing telling is
    left ("red" would still be right for a red apple, and is never what remains)."""
    whole = captions.pick(rng, LEADING_TEMPLATES).format(n=concept.name)
    keep = int(rng.integers(0, 3))
    first_word = concept.name.split()[0]
    if len(first_word) <= keep + 1:
        keep = 0
    return whole[: whole.rindex(concept.name) + keep].rstrip()


def foreign(
    rng: np.random.Generator,
    shown: Sequence[Concept],
    concepts: Sequence[Concept],
    names: Mapping[str, Mapping[str, str]],
) -> str:
    """Another concept's name in another language: wrong for whoever reads it."""
    language = captions.pick(rng, LANGUAGES)
    return names[language][_stranger(rng, shown, concepts).hexcode]


def _stranger(
    rng: np.random.Generator, shown: Sequence[Concept], concepts: Sequence[Concept]
) -> Concept:
    """A concept of another subgroup that shares no telling word with what is shown."""
    subgroups = {concept.subgroup for concept in shown}
    words = set().union(*(_words(concept) for concept in shown))
    while True:
        other = concepts[int(rng.integers(len(concepts)))]
        if other.subgroup not in subgroups and not words & _words(other):
            return other


def _words(concept: Concept) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", concept.name.lower())) - _STOP_WORDS
