"""The engine of a terminal and of the auditor: onnxruntime on the CPU, Pillow for pictures."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.engine import Embeddings, Pixels
from dva_agent.errors import EngineError, NumericFault, RungUnavailable
from dva_agent.native.reader import Array, NativeReader, Source, array
from dva_agent.protocol import Rung

NORM_TOLERANCE = 1e-3


class NativeEngine(NativeReader):
    """Implements engine.Engine. `close` it."""

    def __init__(
        self,
        *,
        manifest: Manifest,
        folder: Path,
        source: Source,
        threads: int = 0,
        rung: Rung = REFERENCE_RUNG,
    ) -> None:
        """`folder`: where the towers' files are. `threads`: of one run; 0 lets onnxruntime
        choose. `rung`: whose graphs to run; those of another than native to check them here.
        Raises RungUnavailable if the model can't be loaded."""
        super().__init__(manifest=manifest, source=source)
        spec = manifest.rung(rung)
        self._rung = rung
        self._image = open_session(folder / spec.image.path, threads)
        self._text = open_session(folder / spec.text.path, threads)

    @property
    def rung(self) -> Rung:
        return self._rung

    @property
    def device_class(self) -> str:
        return f"{platform.machine()} onnxruntime-{ort.__version__}"

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        return await self._encode(self._image, array(pixels))

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        return await self._encode(self._text, np.asarray(ids, dtype=np.int32))

    async def similarity(
        self, images: Embeddings, texts: Sequence[Embeddings], rows: Sequence[int]
    ) -> list[float]:
        captions = np.concatenate([array(part) for part in texts])[list(rows)]
        products = array(images).astype(np.float64) * captions.astype(np.float64)
        return [float(score) for score in products.sum(axis=1)]

    async def download(self, embeddings: Embeddings) -> bytes:
        return array(embeddings).astype("<f4").tobytes()

    async def _encode(self, session: ort.InferenceSession, rows: npt.NDArray[Any]) -> Embeddings:
        name = session.get_inputs()[0].name
        try:
            (out,) = await asyncio.to_thread(session.run, None, {name: rows})
        except RuntimeError as error:
            raise EngineError(f"onnxruntime failed: {error}") from error
        return cast(Embeddings, Array(data=_checked(out)))


def open_session(path: Path, threads: int = 0) -> ort.InferenceSession:
    """A tower on the CPU. Raises RungUnavailable if it can't be loaded."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Scores stay within 7e-8 of an unoptimised session's, on fp32 and on MatMulNBits weights.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except RuntimeError as error:
        raise RungUnavailable(f"onnxruntime can't load {path.name}: {error}") from error


def _checked(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1)
    # Written so that a NaN fails.
    if not np.all(np.abs(norms - 1.0) <= NORM_TOLERANCE):
        worst = norms[np.argmax(~(np.abs(norms - 1.0) <= NORM_TOLERANCE))]
        raise NumericFault(f"An embedding of norm {worst} came out of the model.")
    return rows
