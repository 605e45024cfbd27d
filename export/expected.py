"""What a bundle's own weights make of the golden pairs: native onnxruntime over the graphs with
attention written out, all optimisations off."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from dva_agent.bundle import Arithmetic
from numpy.typing import NDArray

from export.errors import BundleRefused
from export.reference import Embeddings, Inputs, scores
from export.variants import HALF, PLAIN, Variant


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


def golden_values(
    folder: Path, variants: Container[Variant], inputs: Inputs
) -> dict[Arithmetic, Expected]:
    """In each arithmetic. Those in fp16 may be anything. Raises BundleRefused as `expected`."""
    found: dict[Arithmetic, Expected] = {"f32": expected(Towers(folder), inputs)}
    if HALF in variants:
        found["f16"] = _run(Towers(folder, variant=HALF), inputs)
    return found


def _run(towers: Towers, inputs: Inputs) -> Expected:
    images, texts = embeddings(towers, inputs, size=8)
    return Expected(images=images, texts=texts, scores=scores(images, texts))


def expected(towers: Towers, inputs: Inputs) -> Expected:
    """The golden values in fp32. Raises BundleRefused if they are no unit vectors."""
    found = _run(towers, inputs)
    images, texts = found.images, found.texts
    for rows in (images, texts):
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
        if not np.isfinite(rows).all() or np.abs(norms - 1).max() > 1e-4:
            raise BundleRefused("The exported towers don't give vectors of length 1.")
    if len(np.unique(images.round(6), axis=0)) < 2 or len(np.unique(texts.round(6), axis=0)) < 2:
        raise BundleRefused("The exported towers give the same vector for everything.")
    return found


def embeddings(towers: Towers, inputs: Inputs, *, size: int) -> tuple[Embeddings, Embeddings]:
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
