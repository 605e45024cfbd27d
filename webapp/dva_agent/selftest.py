"""The golden pairs of a bundle, through an engine, the way real pairs go.

Encoded image files are decoded by the real decoder, in full batches (drivers have been seen whose
first row alone was right), captions through the real tokenizer and the real length buckets. Ids
and pixels must be equal, embeddings and scores within the bundle's tolerance.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from dva_agent.buckets import encode_captions
from dva_agent.bundle import GoldenPair, RungSpec, decode_golden
from dva_agent.engine import Blob, Engine
from dva_agent.errors import SelfTestFailed
from dva_agent.headers import ImageKind
from dva_agent.images import fits, sniff
from dva_agent.model import Model, fetch_checked, file_of
from dva_agent.protocol import Span


@dataclass(frozen=True, kw_only=True)
class SelfTestReport:
    """Largest absolute differences from the golden values. `scores`: of the golden pairs."""

    scores: tuple[float, ...]
    score_difference: float
    embedding_difference: float
    seconds: float

    @property
    def pairs(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """The golden pairs: their answers, and their image files in an engine's hands, one span for
    each pair."""

    pairs: list[GoldenPair]
    blob: Blob
    spans: list[Span]


@dataclass(kw_only=True)
class _Measured:
    """One entry for each pair of the batches run; embeddings as float32 bytes."""

    texts: list[bytes] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    checksums: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


async def fetch_golden(engine: Engine, model: Model) -> Golden:
    """Answers and images, each file's sha256 checked. The caller releases the blob. Raises
    BundleError or ServerError."""
    answers = await file_of(engine, model.manifest, model.url, model.manifest.golden_path)
    pairs = decode_golden(answers, model.manifest).pairs
    paths = [pair.image for pair in pairs]
    parts = await asyncio.gather(
        *(fetch_checked(engine, model.manifest, model.url, path) for path in paths)
    )
    try:
        blob = await engine.join(parts)
    finally:
        engine.release(*parts)
    sizes = [model.manifest.file(path).bytes for path in paths]
    starts = accumulate(sizes, initial=0)
    spans = [Span(start=start, size=size) for start, size in zip(starts, sizes, strict=False)]
    return Golden(pairs=pairs, blob=blob, spans=spans)


async def self_test(engine: Engine, model: Model, golden: Golden) -> SelfTestReport:
    """Raises SelfTestFailed that names the first pair and value that differ; EngineError if the
    engine can't run it at all."""
    started = time.monotonic()
    _check_ids(model, golden)
    await _check_headers(engine, model, golden)
    count = len(golden.pairs)
    batches = -(-count // engine.batch_size)
    # Whole batches only: the last one is filled by starting over with the first pair.
    order = [position % count for position in range(batches * engine.batch_size)]
    measured = await _measure(engine, model, golden, order)
    scores = tuple(measured.scores[:count])
    pairs = [golden.pairs[index] for index in order]
    try:
        score, embedding = _compare(measured, pairs, model.manifest.rung(engine.rung))
    except SelfTestFailed as error:
        error.scores = scores
        raise
    return SelfTestReport(
        scores=scores,
        score_difference=score,
        embedding_difference=embedding,
        seconds=time.monotonic() - started,
    )


def _check_ids(model: Model, golden: Golden) -> None:
    for pair in golden.pairs:
        ids = model.tokenizer(pair.caption)
        if ids != pair.ids:
            raise SelfTestFailed(f"{pair.image}: its caption was tokenized to {ids}.")


async def _check_headers(engine: Engine, model: Model, golden: Golden) -> None:
    spec = model.manifest.preprocessing
    files = await engine.read(golden.blob, golden.spans)
    for pair, body in zip(golden.pairs, files, strict=True):
        kind = sniff(body, len(body))
        if not isinstance(kind, ImageKind) or not fits(kind, spec):
            raise SelfTestFailed(f"{pair.image}: taken for {kind!r}.")


async def _measure(engine: Engine, model: Model, golden: Golden, order: Sequence[int]) -> _Measured:
    end = model.tokenizer.end
    ids = [golden.pairs[index].ids for index in order]
    # Up to the first end of text, as `reading` gives them: the golden ids are padded.
    cut = [row[: row.index(end) + 1] for row in ids]
    texts = await encode_captions(engine, cut, model.tokenizer.context_length)
    measured = _Measured()
    try:
        width = 4 * model.manifest.embedding_dim
        rows = [
            row for part in texts.embeddings for row in _rows(await engine.download(part), width)
        ]
        measured.texts = [rows[row] for row in texts.rows]
        for first in range(0, len(order), engine.batch_size):
            batch = slice(first, first + engine.batch_size)
            pixels, statuses = await engine.pixels(
                golden.blob, [golden.spans[index] for index in order[batch]]
            )
            try:
                for index, status in zip(order[batch], statuses, strict=True):
                    if status:
                        name = golden.pairs[index].image
                        raise SelfTestFailed(f"{name}: could not be decoded ({status.name}).")
                measured.checksums += await engine.checksums(pixels)
                embeddings = await engine.encode_images(pixels)
            finally:
                engine.release(pixels)
            try:
                measured.images += _rows(await engine.download(embeddings), width)
                measured.scores += await engine.similarity(
                    embeddings, texts.embeddings, texts.rows[batch]
                )
            finally:
                engine.release(embeddings)
    finally:
        engine.release(*texts.embeddings)
    return measured


def _compare(
    measured: _Measured, pairs: Sequence[GoldenPair], spec: RungSpec
) -> tuple[float, float]:
    """Largest differences of scores and of embeddings. Raises SelfTestFailed."""
    worst_score = worst_embedding = 0.0
    tolerance = spec.tolerance
    for pair, text, image, checksum, score in zip(
        pairs, measured.texts, measured.images, measured.checksums, measured.scores, strict=True
    ):
        if checksum != pair.pixels_sha256:
            raise SelfTestFailed(f"{pair.image}: its pixels are not the golden ones.")
        expected = pair.expected[spec.arithmetic]
        of_text = _distance(text, expected.text_embedding)
        of_image = _distance(image, expected.image_embedding)
        of_score = abs(score - expected.score)
        for what, difference, allowed in (
            ("text embedding", of_text, tolerance.embedding),
            ("image embedding", of_image, tolerance.embedding),
            ("score", of_score, tolerance.score),
        ):
            if not difference <= allowed:
                raise SelfTestFailed(
                    f"{pair.image}: its {what} is off by {difference:.2g}, more than {allowed:.2g}."
                )
        worst_embedding = max(worst_embedding, of_text, of_image)
        worst_score = max(worst_score, of_score)
    return worst_score, worst_embedding


def _rows(body: bytes, width: int) -> list[bytes]:
    return [body[start : start + width] for start in range(0, len(body), width)]


def _distance(one: bytes, other: bytes) -> float:
    """Largest absolute difference of two float32 vectors; NaN counts as infinite."""
    form = f"<{len(other) // 4}f"
    pairs = zip(struct.unpack(form, one), struct.unpack(form, other), strict=True)
    differences = [abs(a - b) for a, b in pairs]
    return max(differences) if all(d == d for d in differences) else float("inf")
