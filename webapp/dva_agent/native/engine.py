"""The engine of a terminal and of the auditor: onnxruntime on the CPU, Pillow for pictures."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from dva_agent.bundle import Manifest
from dva_agent.engine import Blob, Embeddings, Pixels
from dva_agent.errors import EngineError, NumericFault, RungUnavailable
from dva_agent.native.pixels import preprocess
from dva_agent.protocol import PairStatus, Rung, Span

BATCH_SIZE = 16
MAX_BLOB_BYTES = 1 << 30
NORM_TOLERANCE = 1e-3


@dataclass(kw_only=True)
class _Bytes:
    """A Blob. Emptied on release: whoever still holds the handle holds nothing."""

    data: bytes


@dataclass(kw_only=True)
class _Array:
    """Pixels or Embeddings."""

    data: npt.NDArray[Any]


class Source(Protocol):
    """Where bytes come from: HttpTransport, or the shards on the auditor's own disk."""

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        """At most `limit` bytes, exactly the span's if there is one. Raises ServerError."""
        ...


class NativeEngine:
    """Implements engine.Engine. `close` it."""

    def __init__(
        self, *, manifest: Manifest, folder: Path, source: Source, threads: int = 0
    ) -> None:
        """`folder`: where the towers' files are. `threads`: of one run; 0 lets onnxruntime
        choose. Raises RungUnavailable if the model can't be loaded."""
        self._manifest = manifest
        self._source = source
        self._image = _session(folder / manifest.image_tower.path, threads)
        self._text = _session(folder / manifest.text_tower.path, threads)

    @property
    def rung(self) -> Rung:
        return "native"

    @property
    def device_class(self) -> str:
        return f"{platform.machine()} onnxruntime-{ort.__version__}"

    @property
    def batch_size(self) -> int:
        return BATCH_SIZE

    async def fetch(self, url: str, span: Span | None = None) -> Blob:
        return _blob(await self._source.fetch(url, span, MAX_BLOB_BYTES))

    async def read(self, blob: Blob, spans: Sequence[Span]) -> list[bytes]:
        data = _data(blob)
        return [_part(data, span) for span in spans]

    async def join(self, blobs: Sequence[Blob]) -> Blob:
        return _blob(b"".join(_data(blob) for blob in blobs))

    async def pixels(
        self, blob: Blob, spans: Sequence[Span | None]
    ) -> tuple[Pixels, list[PairStatus]]:
        data = _data(blob)
        rows, statuses = await asyncio.to_thread(self._pixels, data, spans)
        return cast(Pixels, _Array(data=rows)), statuses

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        return await self._encode(self._image, _array(pixels))

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        return await self._encode(self._text, np.asarray(ids, dtype=np.int32))

    async def similarity(
        self, images: Embeddings, texts: Sequence[Embeddings], rows: Sequence[int]
    ) -> list[float]:
        captions = np.concatenate([_array(part) for part in texts])[list(rows)]
        products = _array(images).astype(np.float64) * captions.astype(np.float64)
        return [float(score) for score in products.sum(axis=1)]

    async def checksums(self, pixels: Pixels) -> list[str]:
        return [hashlib.sha256(row.tobytes()).hexdigest() for row in _array(pixels)]

    async def download(self, embeddings: Embeddings) -> bytes:
        return _array(embeddings).astype("<f4").tobytes()

    def release(self, *handles: Blob | Pixels | Embeddings) -> None:
        for handle in handles:
            if isinstance(handle, _Bytes):
                handle.data = b""
            elif isinstance(handle, _Array):
                handle.data = np.empty(0)

    async def close(self) -> None:
        """Nothing outlives the object."""

    def _pixels(
        self, data: bytes, spans: Sequence[Span | None]
    ) -> tuple[npt.NDArray[np.uint8], list[PairStatus]]:
        spec = self._manifest.preprocessing
        rows = np.zeros((len(spans), 3, spec.size, spec.size), dtype=np.uint8)
        statuses = [PairStatus.SCORED] * len(spans)
        for index, span in enumerate(spans):
            if span is None:
                continue
            row = preprocess(_part(data, span), spec)
            if row is None:
                statuses[index] = PairStatus.IMAGE_BROKEN
            else:
                rows[index] = row
        return rows, statuses

    async def _encode(self, session: ort.InferenceSession, rows: npt.NDArray[Any]) -> Embeddings:
        name = session.get_inputs()[0].name
        try:
            (out,) = await asyncio.to_thread(session.run, None, {name: rows})
        except RuntimeError as error:
            raise EngineError(f"onnxruntime failed: {error}") from error
        return cast(Embeddings, _Array(data=_checked(out)))


def _session(path: Path, threads: int) -> ort.InferenceSession:
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


def _blob(data: bytes) -> Blob:
    return cast(Blob, _Bytes(data=data))


def _data(blob: Blob) -> bytes:
    assert isinstance(blob, _Bytes)
    return blob.data


def _array(handle: Pixels | Embeddings) -> npt.NDArray[Any]:
    assert isinstance(handle, _Array)
    return handle.data


def _part(data: bytes, span: Span) -> bytes:
    if span.start + span.size > len(data):
        raise EngineError(f"A part of {span.size} bytes at {span.start} of {len(data)} bytes.")
    return data[span.start : span.start + span.size]
