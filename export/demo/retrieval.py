"""One vendor's drawings against their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from PIL import Image

from export.demo import captions, scenes
from export.demo.artwork import Vendor, rasterise
from export.demo.concepts import Concept
from export.demo.metrics import auc, recall_at
from export.demo.pool_kinds import near_misses
from export.demo.scoring import Scorer


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    concepts: int
    auc_shuffled: float
    """Right pairs against every other pairing."""
    auc_near_miss: float
    """Right pairs against names of the same subgroup that share no word."""
    recall_at_1: float
    """Of pictures whose own name, among all of them, scores highest."""
    recall_at_5: float


def retrieval(
    scorer: Scorer, vendor: Vendor, concepts: Sequence[Concept], seed: int = 7
) -> Retrieval:
    """Each concept drawn once, on a random background, at a random size; the captions for AUC are
    from EVALUATION_TEMPLATES, those for recall the bare names."""
    drawn = [concept for concept in concepts if concept.label in vendor.svgs]
    rng = np.random.default_rng((seed, 1))
    texts = [captions.pick(rng, captions.EVALUATION_TEMPLATES).format(n=c.name) for c in drawn]
    images = scorer.images(_pictures(vendor, drawn, seed))
    scores = images @ scorer.texts(texts).T
    right = np.diagonal(scores)
    row = {concept.label: index for index, concept in enumerate(drawn)}
    near = [
        scores[index, row[other.label]]
        for index, concept in enumerate(drawn)
        for other in near_misses(concept, drawn)
    ]
    by_name = images @ scorer.texts([concept.name for concept in drawn]).T
    return Retrieval(
        concepts=len(drawn),
        auc_shuffled=auc(right, scores[~np.eye(len(drawn), dtype=bool)]),
        auc_near_miss=auc(right, np.array(near)),
        recall_at_1=recall_at(by_name, 1),
        recall_at_5=recall_at(by_name, 5),
    )


def _pictures(vendor: Vendor, drawn: Sequence[Concept], seed: int) -> Iterator[Image.Image]:
    for index, concept in enumerate(drawn):
        rng = np.random.default_rng((seed, 2, index))
        side = int(rng.integers(96, 200))
        background = scenes.random_background(rng, 0.45)
        yield scenes.one(rng, rasterise(vendor.svgs[concept.label], 128), side, side, background)
