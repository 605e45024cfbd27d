"""How two towers do on the golden pairs: how near to torch, how fast, and whether a score depends
on what shares its batch."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from dva_agent.native.fidelity import Scores

from export.expected import Towers, expected
from export.loaded import Loaded
from export.reference import Embeddings, Ids, Inputs, Pixels, reference_embeddings, scores

BATCH = 8
RUNS = 3
WIDTH_STEP = 8
"""Captions of a batch are cut after the longest's end, rounded up to this, as an agent does it
(webapp/dva_agent/buckets.py)."""
COMPANIES = ((1, False), (1, True), (3, True), (BATCH, False), (BATCH, True))
"""Pairs that are encoded together, and whether captions are padded to the full context."""
VARIANCE_PAIRS = 8


class Encoder(Protocol):
    """Both towers, such as export.expected.Towers."""

    def images(self, pixels: Pixels) -> Embeddings: ...

    def texts(self, ids: Ids) -> Embeddings: ...


def true_scores(loaded: Loaded, inputs: Inputs) -> Scores:
    """By torch in fp32."""
    return scores(*reference_embeddings(loaded, inputs))


def largest_error(true: Scores, towers: Towers, inputs: Inputs) -> float:
    """Of a score. Raises BundleRefused if the towers give no unit vectors."""
    return float(np.abs(expected(towers, inputs).scores - true).max())


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Medians. The machine's other work lowers the first and hardly touches the second."""

    pairs_per_s: float
    cpu_ms_per_pair: float
    """Of all threads."""


def measure_speed(towers: Encoder, inputs: Inputs) -> Speed:
    """Of RUNS, after one that doesn't count: decoded pictures and token ids to scores."""
    walls, cpus = [], []
    for _ in range(1 + RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        _scores(towers, inputs, size=BATCH, full=False)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    pairs = len(inputs.ids)
    return Speed(
        pairs_per_s=pairs / statistics.median(walls[1:]),
        cpu_ms_per_pair=1000 * statistics.median(cpus[1:]) / pairs,
    )


def batch_variance(towers: Encoder, inputs: Inputs) -> float:
    """The largest absolute difference of a pair's scores over all of COMPANIES."""
    some = Inputs(pixels=inputs.pixels[:VARIANCE_PAIRS], ids=inputs.ids[:VARIANCE_PAIRS])
    found = np.stack([_scores(towers, some, size=size, full=full) for size, full in COMPANIES])
    return float((found.max(axis=0) - found.min(axis=0)).max())


def _scores(towers: Encoder, inputs: Inputs, *, size: int, full: bool) -> Scores:
    """Shortest captions first, as an agent has them; the scores are in that order too."""
    lengths = inputs.ids.argmax(axis=1) + 1
    order = np.argsort(lengths, kind="stable")
    images, texts = [], []
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        images.append(towers.images(inputs.pixels[rows]))
        width = inputs.ids.shape[1]
        if not full:
            width = min(width, -(-int(lengths[rows].max()) // WIDTH_STEP) * WIDTH_STEP)
        texts.append(towers.texts(np.ascontiguousarray(inputs.ids[rows, :width])))
    return scores(np.concatenate(images), np.concatenate(texts))
