"""Score tables of any size, through Daft: how many, where a cut lies, who is in.

Nothing here holds more than a histogram and a few batches: counts by bin, counts by score within
the one bin that the threshold lies in, then a scan that keeps what is at or above it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError
from server.results.services import Standing
from server.selection.cut import Cut, holder

Expression: TypeAlias = Any
Frame: TypeAlias = Any
"""Daft's own types say that comparing two expressions gives a bool."""
BINS = 1 << 15
"""Over [0, 1], and as many below 0."""
OUTSIDE = -1
AHEAD = 2
"""Batches that Daft may have ready before they are asked for."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """`threshold` has the precision of the tables. `at_threshold`: how many tie there."""

    threshold: float
    scored: int
    at_threshold: int


@dataclass(frozen=True, kw_only=True)
class ScoreTables:
    """Parquet files with the columns `uid` and `column`, a number in [-1, 1] or null. What is null
    doesn't count."""

    files: tuple[Path, ...]
    column: str = "score"
    state: Standing = "all"

    def find(self, cut: Cut) -> Found:
        """Raises SelectionError for what can't be read or cut."""
        counts = self._grouped(self._scored(), self._bin)
        if OUTSIDE in counts:
            raise SelectionError(
                f"{counts[OUTSIDE]:,} values of {self.column} are no scores in [-1, 1].",
                code="scores_invalid",
            )
        scored = counts.total()
        place = cut.place(scored)
        if place is None:
            threshold = float(self._precision(cut.value)) + 0.0
            ties = (self._score >= _lowest(threshold)) & (self._score <= threshold)
            at = self._grouped(self._scored().where(ties), self._score)
            return Found(threshold=threshold, scored=scored, at_threshold=at.total())
        bins = np.array(sorted(counts, reverse=True))
        index, before = holder(np.array([counts[bin] for bin in bins.tolist()]), place)
        boundary = self._scored().where(self._bin == int(bins[index]))
        inside = self._grouped(boundary, self._score)
        scores = np.array(sorted(inside, reverse=True))
        of_score = np.array([inside[score] for score in scores.tolist()])
        index, _ = holder(of_score, place - before)
        return Found(
            threshold=float(scores[index]), scored=scored, at_threshold=int(of_score[index])
        )

    def members(self, threshold: float) -> Iterator[pa.RecordBatch]:
        """uid and score of all at or above it, in the order of the files."""
        chosen = self._scored().where(self._score >= _lowest(threshold))
        columns = self._daft.col("uid"), self._score.alias("score")
        with self._reading():
            yield from chosen.select(*columns).to_arrow_iter(results_buffer_size=AHEAD)

    @cached_property
    def schema(self) -> pa.Schema:
        """Raises SelectionError if there is no table, or one without uid and score."""
        if not self.files:
            raise SelectionError("There are no Parquet files here.", code="scores_missing")
        try:
            schema = pq.read_schema(self.files[0])
        except (pa.ArrowException, OSError) as error:
            raise SelectionError(
                f"{self.files[0]} can't be read: {error}", code="scores_invalid"
            ) from error
        wanted = {"uid", self.column} | (set() if self.state == "all" else {"state"})
        if missing := sorted(wanted - set(schema.names)):
            raise SelectionError(
                f"{self.files[0]} has no column {', '.join(missing)}.", code="scores_invalid"
            )
        if schema.field("uid").type not in (pa.string(), pa.large_string()):
            raise SelectionError("The uids are no strings.", code="scores_invalid")
        if schema.field(self.column).type not in (pa.float32(), pa.float64()):
            raise SelectionError(
                f"{self.column} is neither float32 nor float64.", code="scores_invalid"
            )
        return schema

    @property
    def _precision(self) -> type[np.floating[Any]]:
        single = self.schema.field(self.column).type == pa.float32()
        return np.float32 if single else np.float64

    @cached_property
    def _daft(self) -> Any:
        # Nobody is told that it runs, and progress is shown by the command.
        os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
        os.environ["DAFT_PROGRESS_BAR"] = "0"
        os.environ["DAFT_RUNNER"] = "native"
        import daft

        return daft

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except self._daft.exceptions.DaftCoreException as error:
            raise SelectionError(
                f"The scores can't be read: {error}", code="scores_invalid"
            ) from error

    @property
    def _score(self) -> Expression:
        return self._daft.col(self.column)

    @cached_property
    def _bin(self) -> Expression:
        """Rounding keeps the order, so whatever is above in bin is above in score."""
        from daft.functions import when

        score = self._score
        number = ((score + 1.0) * float(BINS)).cast(self._daft.DataType.int32())
        return when((score >= -1.0) & (score <= 1.0), number).otherwise(
            self._daft.lit(OUTSIDE).cast(self._daft.DataType.int32())
        )

    def _scored(self) -> Frame:
        _ = self.schema
        table = self._daft.read_parquet([str(file) for file in self.files])
        if self.state != "all":
            table = table.where(self._daft.col("state") == self.state)
        return table.where(self._daft.col(self.column).not_null())

    def _grouped(self, table: Frame, key: Expression) -> Counter[Any]:
        """How many rows by the key's value. Raises SelectionError."""
        count = self._daft.col("key").count().alias("rows")
        with self._reading():
            found = table.select(key.alias("key")).groupby("key").agg(count).to_pydict()
        counts: Counter[Any] = Counter()
        for value, rows in zip(found["key"], found["rows"], strict=True):
            # Daft has two zeros; here they are one.
            counts[value + 0] += rows
        return counts


def _lowest(score: float) -> float:
    """What equals this score and is lowest in Daft's order, which puts -0.0 below 0.0."""
    return score if score else -0.0
