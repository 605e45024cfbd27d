"""Captions: what a page might write beside a picture of a concept.

The same templates serve training and the pool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.demo.concepts import Concept

TEMPLATES = (
    "{n}",
    "{n}",
    "{n} emoji",
    "{n} icon",
    "a {n}",
    "the {n}",
    "an emoji of {n}",
    "emoji: {n}",
    "a picture of a {n}",
    "an image of {n}",
    "a drawing of {n}",
    "clip art of a {n}",
    "{n} clipart",
    "{n} sticker",
    "a cartoon {n}",
    "an illustration of a {n}",
    "{n} vector graphic",
    'the "{n}" symbol',
    "{n} - free png",
    "this is a {n}",
    "small {n}, flat design",
    "{n}, isolated",
)
EVALUATION_TEMPLATES = ("{n}", "{n} emoji", "a picture of a {n}", "an illustration of {n}")

BACKGROUND_ENDINGS = (
    " on a {c} background",
    " on {c}",
    " with a {c} background",
    ", {c} background",
)
TWO_OBJECTS = (
    "{a} and {b}",
    "{a} next to {b}",
    "a {a} beside a {b}",
    "{a} with {b}",
    "{a} and {b} emoji",
)

TAG_SHARE = 0.35
"""How many training captions are made of tags instead of the name."""
MEANING_SHARE = 0.12
"""How many say what the thing is in other words, where a dictionary does."""
BACKGROUND_SHARE = 0.6
"""How many captions mention a coloured background."""


def single(
    rng: np.random.Generator,
    concept: Concept,
    background: str | None,
    tag_share: float = TAG_SHARE,
    meanings: Sequence[str] = (),
) -> str:
    """A caption of one concept; `background` is a colour's name, or None for a plain one.
    `meanings` say in other words what it is."""
    if meanings and rng.random() < MEANING_SHARE:
        return with_background(rng, meanings[int(rng.integers(len(meanings)))], background)
    subject = concept.name
    if concept.tags and rng.random() < tag_share:
        count = min(len(concept.tags), int(rng.integers(1, 5)))
        picked = rng.choice(len(concept.tags), size=count, replace=False)
        separator = ", " if rng.random() < 0.5 else " "
        subject = separator.join(concept.tags[i] for i in picked)
    return with_background(rng, pick(rng, TEMPLATES).format(n=subject), background)


def double(
    rng: np.random.Generator, first: Concept, second: Concept, background: str | None
) -> str:
    """A caption of two concepts, left and right."""
    text = pick(rng, TWO_OBJECTS).format(a=first.name, b=second.name)
    return with_background(rng, text, background)


def with_background(rng: np.random.Generator, text: str, background: str | None) -> str:
    if background is None or rng.random() >= BACKGROUND_SHARE:
        return text
    return text + pick(rng, BACKGROUND_ENDINGS).format(c=background)


def pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
