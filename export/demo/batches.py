"""Training batches: distinct concepts, each with one vendor's drawing and one caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.demo import captions, scenes
from export.demo.artwork_cache import Drawings
from export.demo.concepts import Concept
from export.demo.glossary import Entry, explained
from export.demo.preprocess import pixels

TWO_OBJECT_SHARE = 0.15
TERMS = 128
"""Words of the glossary in a batch."""
CLUSTER = 8
"""Half a batch comes in runs of up to this many of one subgroup: near misses to learn from."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    images: NDArray[np.uint8]
    """[batch, 3, size, size]"""
    captions: list[str]
    concepts: NDArray[np.int64]
    """[batch, 2]: what is shown, left and right; the same twice where it is one."""
    terms: list[str]
    """Captions of words, which need not be of anything shown: TERMS, or none."""
    meanings: list[str]
    """What each of them is in other words."""


class BatchMaker:
    """Batches as a pure function of (seed, step), so that a run resumes where it stopped."""

    def __init__(
        self,
        *,
        concepts: Sequence[Concept],
        vendors: Sequence[Drawings],
        batch_size: int,
        image_size: int,
        seed: int,
        glossary: Sequence[Entry] = (),
    ) -> None:
        rows: dict[str, list[tuple[int, int]]] = {}
        for vendor, art in enumerate(vendors):
            for row, label in enumerate(art.labels):
                rows.setdefault(label, []).append((vendor, row))
        self.concepts = [concept for concept in concepts if concept.label in rows]
        self._rows = [rows[concept.label] for concept in self.concepts]
        self._vendors = vendors
        self._batch_size = batch_size
        self._image_size = image_size
        self._seed = seed
        self._glossary = glossary
        meanings: dict[str, list[str]] = {}
        for entry in glossary:
            meanings.setdefault(entry.term, []).append(entry.gloss)
        # The commonest sense alone: a picture shows one.
        self._meanings = [meanings.get(c.name.lower(), [])[:1] for c in self.concepts]
        clusters: dict[int, list[int]] = {}
        for index, concept in enumerate(self.concepts):
            clusters.setdefault(concept.subgroup, []).append(index)
        self._clusters = clusters

    def make(self, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, step))
        picked = self._pick(rng)
        images = np.empty((len(picked), 3, self._image_size, self._image_size), dtype=np.uint8)
        texts: list[str] = []
        shown = np.empty((len(picked), 2), dtype=np.int64)
        for row, first in enumerate(picked):
            is_two = rng.random() < TWO_OBJECT_SHARE
            second = int(rng.integers(len(self.concepts))) if is_two else first
            background = scenes.random_background(rng)
            image = self._scene(rng, first, second if is_two else None, background)
            images[row] = pixels(image, self._image_size)
            shown[row] = first, second
            concept = self.concepts[first]
            texts.append(
                captions.double(rng, concept, self.concepts[second], background.name)
                if is_two
                else captions.single(rng, concept, background.name, meanings=self._meanings[first])
            )
        terms, meanings = explained(rng, self._glossary, TERMS)
        return Batch(images=images, captions=texts, concepts=shown, terms=terms, meanings=meanings)

    def _pick(self, rng: np.random.Generator) -> list[int]:
        """Distinct concepts, half of them at random and half in runs of one subgroup."""
        order = [int(i) for i in rng.permutation(len(self.concepts))]
        picked = dict.fromkeys(order[: self._batch_size // 2])
        for start in order[self._batch_size // 2 :]:
            kin = self._clusters[self.concepts[start].subgroup]
            for i in rng.permutation(len(kin))[:CLUSTER]:
                if len(picked) < self._batch_size:
                    picked.setdefault(kin[int(i)])
            if len(picked) == self._batch_size:
                break
        return list(picked)

    def _scene(
        self,
        rng: np.random.Generator,
        first: int,
        second: int | None,
        background: scenes.Background,
    ) -> Image.Image:
        side = int(rng.integers(72, 145))
        width, height = side, side
        if rng.random() < 0.3:
            width = round(side * rng.uniform(1.0, 1.6))
            if rng.random() < 0.5:
                width, height = height, width
        art = self._drawing(rng, first)
        if second is None:
            image = scenes.one(rng, art, width, height, background)
        else:
            arts = (art, self._drawing(rng, second))
            image = scenes.two(rng, arts, width, height, background)
        if rng.random() < 0.2:
            image = scenes.noisy(rng, image, float(rng.uniform(2, 12)))
        if rng.random() < 0.35:
            image = scenes.recompressed(image, int(rng.integers(40, 96)))
        return image

    def _drawing(self, rng: np.random.Generator, concept: int) -> scenes.RGBA:
        rows = self._rows[concept]
        vendor, row = rows[int(rng.integers(len(rows)))]
        return recoloured(rng, np.asarray(self._vendors[vendor].pixels[row]))


def recoloured(rng: np.random.Generator, art: scenes.RGBA) -> scenes.RGBA:
    """The drawing in slightly other colours, as another artist's palette would have it: each
    channel scaled by up to 15 %, all of them shifted by up to 12 of 255."""
    gain = rng.uniform(0.85, 1.15, size=3).astype(np.float32)
    shift = np.float32(rng.uniform(-12, 12))
    colours = np.clip(art[..., :3] * gain + shift, 0, 255).astype(np.uint8)
    return np.concatenate([colours, art[..., 3:]], axis=-1)
