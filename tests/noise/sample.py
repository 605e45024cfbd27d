"""The pairs that every engine scores: a slice of the demo pool as shards, and what native fp32
makes of them, which is what an audit would."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from dva_agent.bundle import MANIFEST, Manifest, decode_manifest
from dva_agent.cleaning import clean
from dva_agent.native.pair_scorer import PairScorer, Prepared, batches
from dva_agent.native.pairs import Pair, read_pairs
from dva_agent.native.pixels import preprocess

from tests.e2e.small_pool import DEMO_POOL, write_small_pool

Scores = dict[str, float]
"""uid -> score"""


@dataclass(frozen=True, kw_only=True)
class Sample:
    folder: Path
    """WebDataset shards."""
    bundle: Path

    @cached_property
    def manifest(self) -> Manifest:
        return decode_manifest((self.bundle / MANIFEST).read_bytes())

    @cached_property
    def scorer(self) -> PairScorer:
        return PairScorer(manifest=self.manifest, folder=self.bundle)

    @cached_property
    def pairs(self) -> list[Pair]:
        """Those that an agent scores, in the pool's order."""
        spec = self.manifest.preprocessing
        return [
            pair
            for pair in read_pairs(self.folder)
            if clean(pair.caption) and preprocess(pair.picture, spec) is not None
        ]

    @cached_property
    def prepared(self) -> Prepared:
        return self.scorer.prepare(self.pairs)

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """[pairs, 3, S, S]"""
        return self.prepared.pixels

    @cached_property
    def ids(self) -> npt.NDArray[np.int32]:
        """[pairs, tokens of the longest caption]"""
        ids = self.prepared.ids
        return ids[:, : int((ids != 0).any(axis=0).nonzero()[0].max()) + 1]

    @cached_property
    def truth(self) -> Scores:
        """By the terminal's engine, in its batches."""
        return {
            uid_of(pair): float(score)
            for batch in batches(self.pairs)
            for pair, score in zip(batch, self.scorer.scores(batch), strict=True)
        }


def uid_of(pair: Pair) -> str:
    uid: str = json.loads(pair.facts)["uid"]
    return uid


def take_sample(folder: Path, bundle: Path, pairs: int) -> Sample:
    """About `pairs` pairs, evenly from all the demo pool's shards."""
    shards = len(list(DEMO_POOL.glob("*.tar")))
    folder.mkdir()
    write_small_pool(folder, shards=shards, pairs=-(-pairs // shards))
    return Sample(folder=folder, bundle=bundle)
