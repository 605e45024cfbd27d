"""Captions in batches of nearly one length.

The text tower is causal and pools at the first end of text, so what follows it can be cut off
without moving a bit of the embedding; sorted by length, little padding is left to compute. Lengths
are rounded up, since a GPU compiles its programs anew for shapes it hasn't met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent.engine import Embeddings, Engine

_STEP = 8


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Encoded captions. `rows[i]`: where the i-th caption lies in the concatenated embeddings."""

    embeddings: list[Embeddings]
    rows: list[int]


async def encode_captions(
    engine: Engine, ids: Sequence[Sequence[int]], context_length: int
) -> Texts:
    """Encode captions given as ids from start to end of text. Equal captions are encoded once.
    Raises EngineError; then nothing is left to release."""
    distinct = sorted({tuple(row) for row in ids}, key=lambda row: (len(row), row))
    place = {row: index for index, row in enumerate(distinct)}
    embeddings: list[Embeddings] = []
    try:
        for first in range(0, len(distinct), engine.batch_size):
            batch = distinct[first : first + engine.batch_size]
            width = min(context_length, -(-len(batch[-1]) // _STEP) * _STEP)
            padded = [[*row, *([0] * (width - len(row)))] for row in batch]
            embeddings.append(await engine.encode_texts(padded))
    except BaseException:
        engine.release(*embeddings)
        raise
    return Texts(embeddings=embeddings, rows=[place[tuple(row)] for row in ids])
