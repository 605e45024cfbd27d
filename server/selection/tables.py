"""Score tables of any size, as Daft reads them: counts by bin, and rows from a score on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from server.errors import SelectionError
from server.results.standing import Standing
from server.selection import filters
from server.selection.asking import Engine
from server.selection.engine import KEPT, OUTSIDE, Filter, Question
from server.selection.footers import Footers, read_footers

By = Literal["shard", "host", "language", "stratum"]
"""`stratum`: what the tables themselves say, where they were made from others."""
PORTION = 1 << 22
"""Rows. All that is found of them may be in memory at once: 40 bytes each, of those that are."""
GATHERED = 1 << 15
"""Rows, and what comes with them."""


class Portion(NamedTuple):
    """`row_groups`: of each file, None for all."""

    files: list[str]
    row_groups: list[list[int]] | None


class Binned(NamedTuple):
    """How many rows by bin, of those that pass the filters; and by `fell`, of the others."""

    rows: Counter[int]
    fell: Counter[int]


@dataclass(frozen=True, kw_only=True)
class ScoreTables:
    """Parquet files with the columns `uid` and `column`, a number in [-1, 1] or null. What is null
    doesn't count. `metadata`: more of them, which say more of these uids. `filters`: as the engine
    asks them. `distinct`: of rows with one uid the best-scored alone. `by`: what strata there
    are."""

    files: tuple[Path, ...]
    column: str = "score"
    state: Standing = "all"
    metadata: tuple[Path, ...] = ()
    filters: tuple[Filter, ...] = ()
    distinct: bool = False
    by: By | None = None

    def bins(self, engine: Engine) -> Binned:
        """Raises SelectionError for what can't be read, or is no score."""
        found = Binned(Counter(), Counter())
        for batch in engine.ask(self._question("bins")):
            keys, rows = (batch.column(name).to_pylist() for name in ("key", "rows"))
            fell = batch.column("fell").to_pylist() if self.filters else [KEPT] * len(keys)
            for key, count, which in zip(keys, rows, fell, strict=True):
                if which == KEPT:
                    found.rows[key] += count
                else:
                    found.fell[which] += count
        self.require_scores(found.rows[OUTSIDE])
        return found

    def rows(self, engine: Engine, low: float | None) -> Iterator[pa.RecordBatch]:
        """uid, score and, with `by`, stratum of what passes the filters and isn't below `low`."""
        return self._each(engine, "rows", low)

    def odd_rows(self, engine: Engine, low: float) -> Iterator[pa.RecordBatch]:
        """The same, and beside them uid and score of what has a null there, or no score. Without
        filters."""
        return self._each(engine, "odd rows", low)

    def scores(self, engine: Engine) -> Iterator[pa.RecordBatch]:
        """fell, score and, with `by`, stratum of all that have a score."""
        return self._each(engine, "scores", None)

    def _each(self, engine: Engine, ask: str, low: float | None) -> Iterator[pa.RecordBatch]:
        for portion in self._portions(engine):
            yield from _gathered(engine.ask(self._question(ask, portion, low)))

    def require_scores(self, outside: int) -> None:
        """Raises SelectionError where some aren't in [-1, 1]."""
        if outside:
            raise SelectionError(
                f"{outside:,} values of {self.column} are no scores in [-1, 1].",
                code="scores_invalid",
            )

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns of all files. Raises SelectionError if there is no table, or one without uid
        and score."""
        if not self.files:
            raise SelectionError("There are no Parquet files here.", code="scores_missing")
        schema = self.footers.schema
        if schema.field("uid").type not in (pa.string(), pa.large_string()):
            raise SelectionError("The uids are no strings.", code="scores_invalid")
        if schema.field(self.column).type not in (pa.float32(), pa.float64()):
            raise SelectionError(
                f"{self.column} is neither float32 nor float64.", code="scores_invalid"
            )
        known = set(schema.names) | set(self.metadata_schema.names)
        filters.require(known, (each["name"] for each in self.filters))
        if self.by is not None:
            filters.require(known, iter([self.by]))
        return schema

    @cached_property
    def metadata_schema(self) -> pa.Schema:
        return read_footers(self.metadata, {"uid"}, "uid").schema

    @cached_property
    def footers(self) -> Footers:
        wanted = {"uid", self.column} | (set() if self.state == "all" else {"state"})
        return read_footers(self.files, wanted, self.column)

    @property
    def precision(self) -> type[np.floating[Any]]:
        single = self.schema.field(self.column).type == pa.float32()
        return np.float32 if single else np.float64

    def _portions(self, engine: Engine) -> Iterator[Portion]:
        """What is asked for at a time. Daft on this machine reads on and keeps what it finds,
        however slowly it is taken (0.7.26 heeds no bound), so that memory grew with the pool."""
        if not engine.here or self.metadata:
            # Metadata would be joined anew for each.
            yield Portion([str(file) for file in self.files], None)
            return
        waiting: list[str] = []
        count = 0
        for file, rows in zip(self.files, self.footers.rows, strict=True):
            if count + sum(rows) > PORTION:
                if waiting:
                    yield Portion(waiting, None)
                waiting, count = [], 0
            if sum(rows) > PORTION:
                yield from (Portion([str(file)], [groups]) for groups in _parts(rows))
            else:
                waiting.append(str(file))
                count += sum(rows)
        if waiting:
            yield Portion(waiting, None)

    def _question(
        self, ask: str, portion: Portion | None = None, low: float | None = None
    ) -> Question:
        """Of all files, or a portion of them."""
        portion = portion or Portion([str(file) for file in self.files], None)
        return Question(
            ask=ask,
            files=portion.files,
            row_groups=portion.row_groups,
            schema=_packed(self.schema),
            metadata=[str(file) for file in self.metadata],
            metadata_schema=_packed(self.metadata_schema),
            column=self.column,
            state=None if self.state == "all" else self.state,
            filters=list(self.filters),
            by=self.by,
            low=None if low is None else _lowest(low),
        )


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small ones, as small files make them, together: each costs what thousands of rows do."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= GATHERED:
            yield pa.concat_batches(waiting)
            waiting = []
    if waiting:
        yield pa.concat_batches(waiting)


def _parts(rows: Sequence[int]) -> Iterator[list[int]]:
    """Row groups of one file, as many at a time as are no more than a portion, but one."""
    groups: list[int] = []
    count = 0
    for group, size in enumerate(rows):
        if groups and count + size > PORTION:
            yield groups
            groups, count = [], 0
        groups.append(group)
        count += size
    yield groups


def _packed(schema: pa.Schema) -> str:
    return str(schema.serialize().to_pybytes().hex())


def _lowest(score: float) -> float:
    """What equals this score and is lowest in Daft's order, which puts -0.0 below 0.0."""
    return score if score else -0.0
