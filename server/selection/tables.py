"""Score tables of any size, through Daft: how many, where a cut lies, who is in.

Nothing here holds more than a histogram and a few batches: counts by bin, counts by score within
the one bin that the threshold lies in, then a scan that keeps what is at or above it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError
from server.results.services import Standing
from server.selection.asking import Engine
from server.selection.cut import Cut, holder
from server.selection.engine import OUTSIDE, Question


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

    def find(self, engine: Engine, cut: Cut) -> Found:
        """Raises SelectionError for what can't be read or cut."""
        _ = self.schema
        counts = self._counts(engine, self._question("bin"))
        if OUTSIDE in counts:
            raise SelectionError(
                f"{counts[OUTSIDE]:,} values of {self.column} are no scores in [-1, 1].",
                code="scores_invalid",
            )
        scored = counts.total()
        place = cut.place(scored)
        if place is None:
            threshold = float(self._precision(cut.value)) + 0.0
            ties = self._question("score", low=_lowest(threshold), high=threshold)
            at = self._counts(engine, ties).total()
            return Found(threshold=threshold, scored=scored, at_threshold=at)
        bin, place = _holder(counts, place)
        inside = self._counts(engine, self._question("score", bin=int(bin)))
        threshold, _ = _holder(inside, place)
        return Found(threshold=threshold, scored=scored, at_threshold=inside[threshold])

    def members(self, engine: Engine, threshold: float) -> Iterator[pa.RecordBatch]:
        """uid and score of all at or above it, in the order of the files."""
        return engine.ask(self._question("members", low=_lowest(threshold)))

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

    def _question(
        self,
        ask: Literal["bin", "score", "members"],
        *,
        bin: int | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> Question:
        return Question(
            ask=ask,
            files=[str(file) for file in self.files],
            column=self.column,
            state=None if self.state == "all" else self.state,
            bin=bin,
            low=low,
            high=high,
        )

    def _counts(self, engine: Engine, question: Question) -> Counter[float]:
        counts: Counter[float] = Counter()
        for batch in engine.ask(question):
            keys, rows = (column.to_pylist() for column in batch.columns)
            for key, count in zip(keys, rows, strict=True):
                # Daft has two zeros; here they are one.
                counts[key + 0] += count
        return counts


def _holder(counts: Counter[float], place: int) -> tuple[float, int]:
    """The key that holds this place in falling order, and the place among those it stands for."""
    keys = sorted(counts, reverse=True)
    index, before = holder(np.array([counts[key] for key in keys]), place)
    return keys[index], place - before


def _lowest(score: float) -> float:
    """What equals this score and is lowest in Daft's order, which puts -0.0 below 0.0."""
    return score if score else -0.0
