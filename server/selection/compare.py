"""`dva compare`: how far two selections, score sets or published uid lists agree. Takes the memory
of both: 24 bytes a pair, and as much again while they are matched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError
from server.selection import uids
from server.selection.outputs import PARQUET, ROWS
from server.selection.sorting import Members, Words, joined

Floats = npt.NDArray[np.float64]
LEAST = 2
"""Pairs that a correlation needs."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A set of uids, sorted, each once; `scores` is None for a plain list."""

    high: Words
    low: Words
    scores: Floats | None

    def __len__(self) -> int:
        return len(self.high)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """`jaccard`: common ones as a share of those in either. `spearman`: rank correlation of the
    scores of common pairs, ties sharing their mean rank. None where there is no such number: two
    empty sets, a list without scores, fewer than two common pairs, scores that are all one."""

    a: int
    b: int
    common: int
    jaccard: float | None
    share_of_a: float | None
    share_of_b: float | None
    spearman: float | None


def read_listed(path: Path, column: str = "score") -> Listed:
    """An .npy in DataComp's layout, a Parquet file, a folder of them, or what `dva select` wrote;
    rows whose `column` is null aren't in it, and a Parquet file needs no such column. A uid that is
    there twice counts once. Raises SelectionError."""
    try:
        if path.suffix == ".npy":
            found = uids.read_layout(path)
            return _listed(Members(found["f0"], found["f1"], np.zeros(len(found))), scored=False)
        if path.is_dir():
            chosen = path / PARQUET
            files = [chosen] if chosen.is_file() else sorted(path.glob("*.parquet"))
        else:
            files = [path]
        if not files:
            raise SelectionError(f"There are no Parquet files in {path}.", code="scores_missing")
        scored = all(column in pq.read_schema(file).names for file in files)
        parts = [part for file in files for part in _read(file, column if scored else None)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SelectionError(f"{path} can't be read: {error}", code="uids_invalid") from error
    none = np.empty(0, np.uint64)
    return _listed(joined([Members(none, none, np.empty(0)), *parts]), scored=scored)


def compare(a: Listed, b: Listed) -> Compared:
    in_a, in_b = matched(a, b)
    common = len(in_a)
    either = len(a) + len(b) - common
    spearman = None
    if a.scores is not None and b.scores is not None:
        spearman = rank_correlation(a.scores[in_a], b.scores[in_b])
    return Compared(
        a=len(a),
        b=len(b),
        common=common,
        jaccard=common / either if either else None,
        share_of_a=common / len(a) if len(a) else None,
        share_of_b=common / len(b) if len(b) else None,
        spearman=spearman,
    )


def matched(a: Listed, b: Listed) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The indices of the common uids in each, in the order of the uids."""
    high, low = np.concatenate((a.high, b.high)), np.concatenate((a.low, b.low))
    # Each is in a set once, and the sort is stable: two that are equal are a's, then b's.
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    first = np.flatnonzero((high[1:] == high[:-1]) & (low[1:] == low[:-1]))
    return order[first], order[first + 1] - len(a)


def rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's: Pearson's of the ranks."""
    if len(a) < LEAST:
        return None
    x, y = (ranks(values) - (len(a) + 1) / 2 for values in (a, b))
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip((x @ y) / spread, -1, 1)) if spread else None


def ranks(values: Floats) -> Floats:
    """From 1; ties share their mean."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean: Floats = (last - (counts - 1) / 2)[group]
    return mean


def _listed(members: Members, *, scored: bool) -> Listed:
    members = members.sorted()
    first = np.ones(len(members), np.bool_)
    first[1:] = (members.high[1:] != members.high[:-1]) | (members.low[1:] != members.low[:-1])
    members = members[np.flatnonzero(first)]
    return Listed(high=members.high, low=members.low, scores=members.score if scored else None)


def _read(file: Path, column: str | None) -> list[Members]:
    parts = []
    names = ["uid", column] if column else ["uid"]
    for batch in pq.ParquetFile(file).iter_batches(ROWS, columns=names):
        score = np.zeros(len(batch))
        if column:
            batch = batch.filter(batch.column(column).is_valid())
            score = batch.column(column).to_numpy(zero_copy_only=False).astype(np.float64)
        parts.append(Members(*uids.halves(batch.column("uid")), score))
    return parts
