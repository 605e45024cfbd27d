"""The bytes of a unit, in a terminal and in the auditor: fetched, read and decoded, by Pillow where
they are pictures. All that an agent without a model needs, and what the engine stands on."""

from __future__ import annotations

import asyncio
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from dva_agent.bundle import Manifest
from dva_agent.engine import Blob, Embeddings, Pixels
from dva_agent.errors import EngineError
from dva_agent.native.pixels import preprocess
from dva_agent.protocol import PairStatus, Rung, Span

BATCH_SIZE = 16
MAX_BLOB_BYTES = 1 << 30


@dataclass(kw_only=True)
class _Bytes:
    """A Blob. Emptied on release: whoever still holds the handle holds nothing."""

    data: bytes


@dataclass(kw_only=True)
class Array:
    """Pixels or Embeddings, emptied likewise."""

    data: npt.NDArray[Any]


class Source(Protocol):
    """Where bytes come from: HttpTransport, or the shards on the auditor's own disk."""

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        """At most `limit` bytes, exactly the span's if there is one. Raises ServerError."""
        ...


class NativeReader:
    """Implements engine.Engine; all arithmetic raises EngineError."""

    def __init__(self, *, manifest: Manifest, source: Source) -> None:
        self._manifest = manifest
        self._source = source

    @property
    def rung(self) -> Rung:
        return "python"

    @property
    def device_class(self) -> str:
        return f"{platform.machine()} Python {platform.python_version()}"

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
        return cast(Pixels, Array(data=rows)), statuses

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        del pixels
        raise _no_model()

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        del ids
        raise _no_model()

    async def similarity(
        self, images: Embeddings, texts: Sequence[Embeddings], rows: Sequence[int]
    ) -> list[float]:
        del images, texts, rows
        raise _no_model()

    async def checksums(self, pixels: Pixels) -> list[str]:
        return [hashlib.sha256(row.tobytes()).hexdigest() for row in array(pixels)]

    async def download(self, embeddings: Embeddings) -> bytes:
        del embeddings
        raise _no_model()

    def release(self, *handles: Blob | Pixels | Embeddings) -> None:
        for handle in handles:
            if isinstance(handle, _Bytes):
                handle.data = b""
            elif isinstance(handle, Array):
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


def array(handle: Pixels | Embeddings) -> npt.NDArray[Any]:
    assert isinstance(handle, Array)
    return handle.data


def _no_model() -> EngineError:
    return EngineError(
        "This agent computes with the model, and doesn't say that it needs it.",
        next_step='Add "model" to what the agent needs; see docs/agents.md.',
    )


def _blob(data: bytes) -> Blob:
    return cast(Blob, _Bytes(data=data))


def _data(blob: Blob) -> bytes:
    assert isinstance(blob, _Bytes)
    return blob.data


def _part(data: bytes, span: Span) -> bytes:
    if span.start + span.size > len(data):
        raise EngineError(f"A part of {span.size} bytes at {span.start} of {len(data)} bytes.")
    return data[span.start : span.start + span.size]
