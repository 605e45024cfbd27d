"""What kinds of weights cost and lose in a network that has learnt something.

All kinds are measured on the same pairs, which are prepared, and scored by open_clip, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.native.fidelity import FEWEST, Scores, figures
from dva_agent.native.pair_scorer import BATCH, PairScorer, Prepared, batches
from dva_agent.native.pairs import Pair, read_pairs
from dva_agent.protocol import Rung

from export.bundle_writer import write_bundle
from export.calibration import apart, calibration_inputs
from export.kinds import KINDS
from export.loaded import Loaded
from export.progress import Progress
from export.reference import reference_embeddings, reference_inputs, scores
from export.weights import Kind

MB = 1e6
APART = FEWEST
"""Pairs, about, that the graphs of other rungs are run on: a processor emulates fp16."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Pairs in batches, as towers take them, and open_clip's score of each, [N]."""

    prepared: Sequence[Prepared]
    true: Scores


class Learned:
    def __init__(self, loaded: Loaded, shards: Path, *, most: int, progress: Progress) -> None:
        """`most`: of the pairs in `shards`, so many of the first are measured on."""
        self._loaded = loaded
        self._progress = progress
        calibrate, left = apart(read_pairs(shards), measured=most)
        self._calibrate = calibration_inputs(loaded, calibrate)
        self._pairs: Sequence[Pair] = list(islice(read_pairs(shards), left))
        self._known: Known | None = None

    def measure(self, kind: Kind, folder: Path) -> dict[str, float]:
        """Of a whole bundle, as a maintainer gets it, on pairs that it wasn't calibrated on."""
        calibrate = self._calibrate if KINDS[kind].calibrated else None
        manifest = write_bundle(self._loaded, kind=kind, out=folder, calibrate=calibrate).manifest
        if self._known is None:
            self._known = self._score(PairScorer(manifest=manifest, folder=folder))
        known = self._known
        found = self._run(manifest, folder, REFERENCE_RUNG, known.prepared)
        compared = figures(known.true, found)
        some = known.prepared[: APART // BATCH]
        others = {
            rung: self._run(manifest, folder, rung, some)
            for rung in manifest.distinct
            if rung != REFERENCE_RUNG
        }
        size = sum(manifest.file(path).bytes for path in set(manifest.rung(REFERENCE_RUNG).paths))
        return {
            "mb": size / MB,
            "max_error": compared.max_error,
            "mean_error": compared.mean_error,
            "spearman": compared.spearman,
            "overlap15": compared.overlap["15"],
            "rungs_apart": max(
                float(np.abs(each - found[: len(each)]).max()) for each in others.values()
            ),
        }

    def _score(self, scorer: PairScorer) -> Known:
        prepared, true = [], []
        for number, batch in enumerate(batches(self._pairs)):
            self._progress("batches by open_clip", number, -(-len(self._pairs) // BATCH))
            if taken := [pair for pair in batch if scorer.takes(pair)]:
                prepared.append(scorer.prepare(taken))
                theirs = reference_inputs(
                    self._loaded,
                    [pair.picture for pair in taken],
                    [pair.caption for pair in taken],
                )
                true.append(scores(*reference_embeddings(self._loaded, theirs)))
        return Known(prepared=prepared, true=np.concatenate(true))

    def _run(
        self, manifest: Manifest, folder: Path, rung: Rung, prepared: Sequence[Prepared]
    ) -> Scores:
        scorer = PairScorer(manifest=manifest, folder=folder, rung=rung)
        parts = []
        for number, batch in enumerate(prepared):
            self._progress(f"batches by {rung}", number, len(prepared))
            parts.append(scorer.run(batch))
        return np.concatenate(parts)
