"""The demo pool's plan: which picture, which caption, what is true of it. Nothing is drawn yet."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.demo import pool_kinds as kinds
from export.demo.concepts import Concept
from export.demo.scenes import Background, random_background

TWO_OBJECT_SHARE = 0.12
COLOURED_SHARE = 0.45
NOT_SQUARE_SHARE = 0.4
FORMATS = (("jpg", 0.5), ("png", 0.25), ("webp", 0.25))
SMALLEST, LARGEST = 80, 240
"""The shorter side, in pixels."""


@dataclass(frozen=True, kw_only=True)
class PlannedPair:
    index: int
    uid: str
    """32 hex digits; says nothing of the kind."""
    kind: str
    shown: tuple[str, ...]
    """Labels of the one or two concepts drawn."""
    background: Background
    caption: str
    width: int
    height: int
    extension: str
    seed: tuple[int, int, int]
    """Of the generator that draws it."""

    @property
    def label(self) -> bool:
        """Whether the caption is right."""
        return self.kind in kinds.RIGHT


def uid_of(seed: int, index: int) -> str:
    return hashlib.sha256(f"dva demo pool {seed} {index}".encode()).hexdigest()[:32]


def make_plan(
    *,
    concepts: Sequence[Concept],
    names: Mapping[str, Mapping[str, str]],
    pairs: int,
    seed: int,
) -> list[PlannedPair]:
    """`pairs` readable pairs; `names` is language -> hexcode -> name. Pure, and the same for ever
    for the same arguments."""
    translated = [c for c in concepts if all(c.hexcode in names[x] for x in kinds.LANGUAGES)]
    kin = {concept.label: kinds.near_misses(concept, concepts) for concept in concepts}
    having_kin = [concept for concept in concepts if kin[concept.label]]
    order = _kinds(np.random.default_rng((seed, 0)), pairs)
    plan = []
    for index, kind in enumerate(order):
        rng = np.random.default_rng((seed, index, 1))
        drawable = having_kin if kind == "near_miss" else concepts
        is_two = kind in {"true", "shuffled", "generic"} and rng.random() < TWO_OBJECT_SHARE
        picked = rng.choice(len(drawable), size=2 if is_two else 1, replace=False)
        shown = [drawable[int(i)] for i in picked]
        background = random_background(rng, COLOURED_SHARE)
        width, height = _size(rng)
        plan.append(
            PlannedPair(
                index=index,
                uid=uid_of(seed, index),
                kind=kind,
                shown=tuple(concept.label for concept in shown),
                background=background,
                caption=_caption(
                    rng,
                    kind=kind,
                    shown=shown,
                    background=background,
                    concepts=concepts,
                    translated=translated,
                    kin=kin[shown[0].label],
                    names=names,
                ),
                width=width,
                height=height,
                extension=_extension(rng),
                seed=(seed, index, 2),
            )
        )
    return plan


def _kinds(rng: np.random.Generator, pairs: int) -> list[str]:
    """As many of each kind as its share says, the rest shuffled, in random order."""
    counts = {kind: round(share * pairs) for kind, share in kinds.SHARES.items()}
    counts["shuffled"] += pairs - sum(counts.values())
    listed = [kind for kind, count in counts.items() for _ in range(count)]
    return [listed[int(i)] for i in rng.permutation(pairs)]


def _caption(
    rng: np.random.Generator,
    *,
    kind: str,
    shown: Sequence[Concept],
    background: Background,
    concepts: Sequence[Concept],
    translated: Sequence[Concept],
    kin: Sequence[Concept],
    names: Mapping[str, Mapping[str, str]],
) -> str:
    match kind:
        case "true":
            return kinds.right(rng, shown, background.name)
        case "mojibake":
            return kinds.mojibake(rng, shown)
        case "shuffled":
            elsewhere = random_background(rng, COLOURED_SHARE)
            return kinds.shuffled(rng, shown, concepts, elsewhere.name)
        case "near_miss":
            return kinds.near_miss(rng, kin, background.name)
        case "generic":
            return kinds.generic(rng)
        case "truncated":
            return kinds.truncated(rng, shown[0])
        case "foreign":
            return kinds.foreign(rng, shown, translated, names)
    raise ValueError(f"no such kind of pair: {kind}")


def _size(rng: np.random.Generator) -> tuple[int, int]:
    short = int(rng.integers(SMALLEST, LARGEST + 1))
    if rng.random() >= NOT_SQUARE_SHARE:
        return short, short
    long = round(short * rng.uniform(1.05, 1.8))
    return (long, short) if rng.random() < 0.6 else (short, long)


def _extension(rng: np.random.Generator) -> str:
    names = [name for name, _ in FORMATS]
    return names[int(rng.choice(len(names), p=[share for _, share in FORMATS]))]
