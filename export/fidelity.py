"""A bundle's scores beside open_clip's, measured before the bundle is written.

Each pair is scored twice. Once by open_clip: its tokenizer, its transform on Pillow pictures, its
network in torch, fp32. Once as a contributor's device does it, by PairScorer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime as ort
import torch
from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.errors import PairsError
from dva_agent.native.fidelity import (
    FEWEST,
    FIDELITY,
    PICTURE,
    REFERENCE,
    Bar,
    Fidelity,
    Scores,
    apart,
    figures,
    rounded,
)
from dva_agent.native.pair_scorer import Digest, PairScorer, batches
from dva_agent.native.pairs import Pair
from dva_agent.protocol import Rung

from export.errors import BundleRefused
from export.fidelity_plots import draw
from export.loaded import Loaded
from export.openclip import open_clip
from export.reference import reference_embeddings, reference_inputs, scores

BARS: dict[str, Bar] = {
    "fp32": Bar(max_error=2e-6),
    "fp16": Bar(spearman=0.9995, overlap_15=0.99),
    "q8": Bar(spearman=0.9995, overlap_15=0.99),
    "q4text8": Bar(spearman=0.995, overlap_15=0.97),
    "q4": Bar(spearman=0.995, overlap_15=0.97),
}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """On which pairs a bundle is to be measured."""

    pairs: Iterable[Pair]
    source: str
    """Their name, for people."""
    force: bool = False
    """Write the bundle even if it misses its bar, and say so in it."""
    progress: Callable[[int], object] = lambda _: None
    """Gets the number of pairs done."""

    def begun(self, count: int) -> tuple[list[Pair], Proof]:
        """The first `count` pairs, and a proof that still has all of them."""
        pairs = iter(self.pairs)
        first = list(islice(pairs, count))
        return first, replace(self, pairs=chain(first, pairs))


@dataclass(frozen=True, kw_only=True)
class Scored:
    true: Scores
    """open_clip's, [N]"""
    found: Mapping[Rung, Scores]
    """The bundle's, [N]: each rung's graphs, run natively."""
    skipped: int
    pairs_sha256: str


def prove(loaded: Loaded, manifest: Manifest, folder: Path, proof: Proof) -> Fidelity:
    """Measure the towers in `folder` and write fidelity.json and what belongs to it there. Raises
    PairsError if too few pairs can be scored, BundleRefused if the bar is missed and not forced."""
    scored = score_pairs(loaded, manifest, folder, proof)
    found = fidelity(
        scored, kind=manifest.weights, source=proof.source, meaningful=loaded.meaningful
    )
    if found.missed and not proof.force:
        raise BundleRefused(
            f"The bundle misses its bar: {'; '.join(found.missed)}.",
            next_step="Choose other --weights, or add --force: the bundle is then marked.",
        )
    body = msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"
    (folder / FIDELITY).write_bytes(body)
    (folder / REFERENCE).write_bytes(scored.true.astype("<f8").tobytes())
    draw(scored.true, scored.found[REFERENCE_RUNG], folder / PICTURE)
    return found


def score_pairs(loaded: Loaded, manifest: Manifest, folder: Path, proof: Proof) -> Scored:
    """Both scores of every pair. Raises PairsError if too few can be scored."""
    scorers = {
        rung: PairScorer(manifest=manifest, folder=folder, rung=rung) for rung in manifest.distinct
    }
    scorer = scorers[REFERENCE_RUNG]
    digest = Digest()
    true: list[Scores] = []
    found: dict[Rung, list[Scores]] = {rung: [] for rung in scorers}
    skipped = done = 0
    for batch in batches(proof.pairs):
        taken = [pair for pair in batch if scorer.takes(pair)]
        done += len(batch)
        skipped += len(batch) - len(taken)
        if taken:
            theirs = reference_inputs(
                loaded, [pair.picture for pair in taken], [pair.caption for pair in taken]
            )
            true.append(scores(*reference_embeddings(loaded, theirs)))
            prepared = scorer.prepare(taken)
            for rung, each in scorers.items():
                found[rung].append(each.run(prepared))
            for pair in taken:
                digest.add(pair)
        proof.progress(done)
    if done - skipped < FEWEST:
        raise PairsError(
            f"{done - skipped} pairs that can be scored are too few to measure fidelity on.",
            next_step=f"Name shards that hold at least {FEWEST}.",
        )
    return Scored(
        true=np.concatenate(true),
        found={rung: np.concatenate(parts) for rung, parts in found.items()},
        skipped=skipped,
        pairs_sha256=digest.hexdigest(),
    )


def fidelity(scored: Scored, *, kind: str, source: str, meaningful: bool) -> Fidelity:
    """`meaningful`: whether the network has learnt anything. Random weights say nothing about
    how far a ranking may shift, so they have only a bar of arithmetic."""
    rungs = {rung: figures(scored.true, each) for rung, each in scored.found.items()}
    native = rungs[REFERENCE_RUNG]
    bar = BARS[kind] if meaningful else Bar(max_error=BARS[kind].max_error)
    return Fidelity(
        pairs=len(scored.true),
        skipped=scored.skipped,
        source=source,
        pairs_sha256=scored.pairs_sha256,
        reference=f"open_clip {open_clip.__version__}, torch {torch.__version__}, fp32",
        runtime=f"onnxruntime {ort.__version__}",
        score_spread=rounded(scored.true.std()),
        rungs=rungs,
        apart=apart(scored.found),
        bar=bar,
        missed=bar.missed(native),
    )
