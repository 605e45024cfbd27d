"""Where a cut of plain tables lies, by a sample of their scores: one pass from a little below it on
finds all members, a few more, and whether that was so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError
from server.selection.cut import Cut
from server.selection.tables import ScoreTables

PLACES = 64
"""Row groups that are looked into, evenly over all, and scores at the beginning of each."""
SCORES = 4096
SIGMAS = 4
SLACK = 0.02
"""More of the share is taken than chance asks for, as a sample of places isn't one of rows."""
BUFFER = 1 << 16
"""Bytes. Otherwise all of a column would be read for its beginning."""
NULLS = 0.01
"""At most so many rows may be without a score: one pass reads their uids too."""


def guessed(tables: ScoreTables, cut: Cut) -> float | None:
    """A score from which on there should be somewhat more pairs than the cut takes; None where one
    pass can't do: with filters or strata, where the tables don't say how many scores there are,
    and where it would take most of them."""
    if tables.filters or tables.metadata or tables.by is not None or tables.state != "all":
        return None
    nulls, rows = tables.footers.nulls, tables.footers.count
    if nulls is None or nulls > NULLS * rows:
        return None
    if cut.rule == "threshold":
        return float(tables.precision(cut.value)) + 0.0
    share = cut.value if cut.rule == "top" else cut.value / max(1, rows - nulls)
    sample = _sample(tables)
    chance = SIGMAS * math.sqrt(max(0.0, share * (1 - share)) / max(1, len(sample)))
    place = math.ceil((share * (1 + SLACK) + chance) * len(sample))
    if place >= len(sample):
        return None
    return float(np.sort(sample)[-1 - place]) + 0.0


def _sample(tables: ScoreTables) -> npt.NDArray[np.float64]:
    """The scores that are known of so many rows, NaN left out."""
    groups = sum(map(len, tables.footers.rows))
    chosen = set(np.linspace(0, groups - 1, PLACES).astype(int).tolist())
    found, first = [np.empty(0)], 0
    for file, rows in zip(tables.files, tables.footers.rows, strict=True):
        inside = [group for group in range(len(rows)) if first + group in chosen]
        found += _read(file, inside, tables.column) if inside else []
        first += len(rows)
    scores = np.concatenate(found)
    return scores[~np.isnan(scores)]


def _read(file: Path, groups: list[int], column: str) -> Iterator[npt.NDArray[np.float64]]:
    """The first ones of each row group. Raises SelectionError."""
    try:
        with pq.ParquetFile(file, buffer_size=BUFFER) as table:
            for group in groups:
                batches = table.iter_batches(SCORES, [group], [column], use_threads=False)
                for batch in islice(batches, 1):
                    # Null is NaN there.
                    yield batch.column(0).to_numpy(zero_copy_only=False).astype(np.float64)
    except (pa.ArrowException, OSError) as error:
        raise SelectionError(f"{file} can't be read: {error}", code="scores_invalid") from error
