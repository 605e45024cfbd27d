"""What an engine offers to an agent: the arithmetic of one bundle on one rung.

Two engines implement it: `dva_agent.native` (onnxruntime + Pillow) and the browser engine
(webapp/engine in JavaScript, wrapped by `dva_agent.browser`). Bytes of images, pixels and
embeddings stay on the engine's side as opaque handles; Python sees captions, token ids, scores
and hashes. One call per batch, never per pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NewType, Protocol

from dva_agent.protocol import PairStatus, Rung, Span

Blob = NewType("Blob", object)
"""Bytes that were fetched. Spans given with it are relative to its first byte."""
Pixels = NewType("Pixels", object)
"""uint8 [N, 3, S, S]; the row of an image that could not be read is zero."""
Embeddings = NewType("Embeddings", object)
"""float32 [N, D], rows of unit norm."""


class Engine(Protocol):
    """Errors, for every method: EngineError and its kinds for arithmetic, ServerError and its
    kinds for `fetch`, and for `pixels` if what decodes has yet to be loaded. Handles are released
    by whoever got them; releasing twice is harmless."""

    @property
    def rung(self) -> Rung: ...

    @property
    def device_class(self) -> str:
        """For people and statistics, at most 200 characters."""
        ...

    @property
    def batch_size(self) -> int:
        """The batch this engine likes best, for images and for captions; at least 1."""
        ...

    async def fetch(self, url: str, span: Span | None = None) -> Blob:
        """One GET, with Range if there is a span. Raises Refused if the answer has another
        length than the span."""
        ...

    async def read(self, blob: Blob, spans: Sequence[Span]) -> list[bytes]:
        """Copies of small parts: captions, image headers."""
        ...

    async def join(self, blobs: Sequence[Blob]) -> Blob:
        """One blob of all their bytes, in order. The parts stay valid."""
        ...

    async def pixels(
        self, blob: Blob, spans: Sequence[Span | None]
    ) -> tuple[Pixels, list[PairStatus]]:
        """Decode and preprocess. A None span gives a zero row and SCORED (the caller knows why it
        skipped it); a picture that can't be decoded gives a zero row and IMAGE_BROKEN."""
        ...

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        """NumericFault if a row is not finite or not of unit norm within 1e-3."""
        ...

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        """Rows of one length T, zero-padded after the first end-of-text token. NumericFault as
        above."""
        ...

    async def similarity(
        self, images: Embeddings, texts: Sequence[Embeddings], rows: Sequence[int]
    ) -> list[float]:
        """Cosine of image row i with row rows[i] of the concatenated texts, accumulated in at
        least float32; not clipped."""
        ...

    async def checksums(self, pixels: Pixels) -> list[str]:
        """sha256 hex of each row's bytes: for the self-test."""
        ...

    async def download(self, embeddings: Embeddings) -> bytes:
        """float32 little-endian bytes: for the self-test."""
        ...

    def release(self, *handles: Blob | Pixels | Embeddings) -> None: ...

    async def close(self) -> None: ...
