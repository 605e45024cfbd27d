"""What a bundle's own weights make of the golden pairs, and how far arithmetic may stray.

Golden embeddings and scores are native onnxruntime in fp32 arithmetic, all graph optimisations
off. The tolerance comes from what is measured: the same pairs under every other execution plan
that a rung may use on the same weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from dva_agent.bundle import Tolerance
from numpy.typing import NDArray

from export.errors import BundleRefused
from export.reference import Embeddings, Inputs, scores
from export.variants import PLAIN, Variant

MARGIN = 64
"""A rung may stray this many times as far as native plans stray from each other: GPUs add in
other orders, fuse multiply-adds and approximate exp and erf, each worth a few times 1e-7."""
SMALLEST = 1e-4
"""Below this a tolerance would only catch rounding; scores that matter differ by far more."""
LARGEST = 1e-3
"""A bundle that needs more can't be audited: it is refused."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One way to run a tower. A batch of one is cut after its end, larger ones are padded."""

    optimised: bool
    threads: int
    batch: int


PLANS = (
    Plan(optimised=False, threads=1, batch=1),
    Plan(optimised=True, threads=2, batch=20),
)


class Towers:
    """Both towers of a bundle under one execution plan."""

    def __init__(
        self,
        folder: Path,
        *,
        variant: Variant = PLAIN,
        optimised: bool = False,
        threads: int = 0,
    ) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        levels = ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
        )
        self._image, self._text = (
            ort.InferenceSession(
                folder / variant.file(tower), options, providers=["CPUExecutionProvider"]
            )
            for tower in ("image", "text")
        )

    def images(self, pixels: NDArray[np.uint8]) -> Embeddings:
        return _only(self._image.run(["embeddings"], {"pixels": pixels}))

    def texts(self, ids: NDArray[np.int32]) -> Embeddings:
        return _only(self._text.run(["embeddings"], {"ids": ids}))


@dataclass(frozen=True, kw_only=True)
class Expected:
    images: Embeddings
    """[N, D]"""
    texts: Embeddings
    """[N, D]"""
    scores: NDArray[np.float64]
    """[N]"""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Largest absolute differences from the expected values over all plans."""

    embedding: float
    score: float


def expected(towers: Towers, inputs: Inputs) -> Expected:
    """The golden values. Raises BundleRefused if they are no unit vectors."""
    images, texts = _in_batches(towers, inputs, size=8)
    for rows in (images, texts):
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not np.isfinite(rows).all() or np.abs(norms - 1).max() > 1e-4:
            raise BundleRefused("The exported towers don't give vectors of length 1.")
    if len(np.unique(images.round(6), axis=0)) < 2 or len(np.unique(texts.round(6), axis=0)) < 2:
        raise BundleRefused("The exported towers give the same vector for everything.")
    return Expected(images=images, texts=texts, scores=scores(images, texts))


def measure_spread(folder: Path, inputs: Inputs, golden: Expected) -> Spread:
    """Run every second golden pair under each of `PLANS`."""
    embedding = score = 0.0
    some = Inputs(pixels=inputs.pixels[::2], ids=inputs.ids[::2])
    for plan in PLANS:
        towers = Towers(folder, optimised=plan.optimised, threads=plan.threads)
        images, texts = _in_batches(towers, some, size=plan.batch)
        embedding = max(
            embedding,
            float(np.abs(images - golden.images[::2]).max()),
            float(np.abs(texts - golden.texts[::2]).max()),
        )
        score = max(score, float(np.abs(scores(images, texts) - golden.scores[::2]).max()))
    return Spread(embedding=embedding, score=score)


def tolerance(spread: Spread) -> Tolerance:
    """`MARGIN` times the spread, rounded up to two digits, within SMALLEST and LARGEST. Raises
    BundleRefused past the latter."""
    return Tolerance(
        score=_widened(spread.score),
        embedding=_widened(spread.embedding),
        derived=(
            f"{MARGIN} times the largest differences between native execution plans (score "
            f"{spread.score:.1e}, embedding {spread.embedding:.1e}), at least {SMALLEST:g}."
        ),
    )


def _widened(spread: float) -> float:
    wanted = MARGIN * spread
    if wanted > LARGEST:
        raise BundleRefused(
            f"Plans differ by {spread:.1e}: too much to tell an honest score from another.",
            next_step="Report it with the checkpoint's name.",
        )
    if wanted <= SMALLEST:
        return SMALLEST
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return round(math.ceil(wanted / step) * step, 9)


def _in_batches(towers: Towers, inputs: Inputs, *, size: int) -> tuple[Embeddings, Embeddings]:
    """Batches of `size`; captions of one are cut after their first end, larger ones are padded."""
    images, texts = [], []
    for start in range(0, len(inputs.ids), size):
        images.append(towers.images(inputs.pixels[start : start + size]))
        ids = inputs.ids[start : start + size]
        if size == 1:
            ids = ids[:, : int(ids[0].argmax()) + 1]
        texts.append(towers.texts(np.ascontiguousarray(ids)))
    return np.concatenate(images), np.concatenate(texts)


def _only(outputs: list[NDArray[np.float32]]) -> Embeddings:
    return outputs[0]
