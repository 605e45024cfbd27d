"""Score tables of any size, as Daft reads them: counts by bin, and rows from a score on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError
from server.results.services import Standing
from server.selection import filters
from server.selection.asking import Engine
from server.selection.engine import KEPT, OUTSIDE, Filter, Question
from server.selection.scores import METADATA_KEY

By = Literal["shard", "host", "language", "stratum"]
"""`stratum`: what the tables themselves say, where they were made from others."""
TOLD = ("pool", "agent", "bundle", "licence", "attribution")


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
        return engine.ask(self._question("rows", low=None if low is None else _lowest(low)))

    def scores(self, engine: Engine) -> Iterator[pa.RecordBatch]:
        """fell, score and, with `by`, stratum of all that have a score."""
        return engine.ask(self._question("scores"))

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
        wanted = {"uid", self.column} | (set() if self.state == "all" else {"state"})
        for file, schema in self._schemas:
            if missing := sorted(wanted - set(schema.names)):
                raise SelectionError(
                    f"{file} has no column {', '.join(missing)}.", code="scores_invalid"
                )
        schema = _united(self._schemas)
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
        schemas = [(file, read_schema(file)) for file in self.metadata]
        for file, schema in schemas:
            if "uid" not in schema.names:
                raise SelectionError(f"{file} has no column uid.", code="scores_invalid")
        return _united(schemas)

    @cached_property
    def told(self) -> dict[str, str]:
        """What the files say of their pool. Raises SelectionError where they aren't of one pool
        and one bundle: such scores don't compare."""
        found: dict[str, str] | None = None
        for file, schema in self._schemas:
            raw = (schema.metadata or {}).get(METADATA_KEY.encode())
            said: dict[str, Any] = json.loads(raw) if raw else {}
            facts = {name: str(said.get(name) or "") for name in TOLD}
            if found is not None and facts != found:
                raise SelectionError(
                    f"{file.name} isn't of the same pool and bundle as the tables before it.",
                    code="scores_mixed",
                )
            found = facts
        return found or dict.fromkeys(TOLD, "")

    @property
    def precision(self) -> type[np.floating[Any]]:
        single = self.schema.field(self.column).type == pa.float32()
        return np.float32 if single else np.float64

    @cached_property
    def _schemas(self) -> list[tuple[Path, pa.Schema]]:
        return [(file, read_schema(file)) for file in self.files]

    def _question(self, ask: str, *, low: float | None = None) -> Question:
        return Question(
            ask=ask,
            files=[str(file) for file in self.files],
            schema=_packed(self.schema),
            metadata=[str(file) for file in self.metadata],
            metadata_schema=_packed(self.metadata_schema),
            column=self.column,
            state=None if self.state == "all" else self.state,
            filters=list(self.filters),
            by=self.by,
            low=low,
        )


def read_schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise SelectionError(f"{file} can't be read: {error}", code="scores_invalid") from error


def _united(schemas: list[tuple[Path, pa.Schema]]) -> pa.Schema:
    fields: dict[str, pa.Field] = {}
    for file, schema in schemas:
        for field in schema:
            first = fields.setdefault(field.name, field)
            if first.type != field.type:
                raise SelectionError(
                    f"{file} has {field.type} in {field.name}, where others have {first.type}.",
                    code="scores_invalid",
                )
    return pa.schema([field.remove_metadata() for field in fields.values()])


def _packed(schema: pa.Schema) -> str:
    return str(schema.serialize().to_pybytes().hex())


def _lowest(score: float) -> float:
    """What equals this score and is lowest in Daft's order, which puts -0.0 below 0.0."""
    return score if score else -0.0
