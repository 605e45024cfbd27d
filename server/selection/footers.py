"""What the footers of Parquet files say, each read once: columns, rows, and of which pool they are.

Of millions of files no more is kept than a few numbers each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import SelectionError

METADATA_KEY = "dva"
"""Of what a file says of its pool, beside its columns."""
TOLD = ("pool", "agent", "bundle", "licence", "attribution")


@dataclass(frozen=True, kw_only=True)
class Footers:
    """`schema`: all columns of all files. `rows`: of each row group of each file, in order.
    `nulls`: in the column that was asked for, None where a file doesn't say. `facts`: what the
    first file says of its pool and bundle; `other`: the first one that says otherwise."""

    schema: pa.Schema
    rows: tuple[tuple[int, ...], ...]
    nulls: int | None
    facts: dict[str, str]
    other: Path | None

    @cached_property
    def count(self) -> int:
        """All rows."""
        return sum(map(sum, self.rows))

    @property
    def told(self) -> dict[str, str]:
        """What the files say of their pool. Raises SelectionError where they aren't of one pool
        and one bundle: such scores don't compare."""
        if self.other is not None:
            raise SelectionError(
                f"{self.other.name} isn't of the same pool and bundle as the tables before it.",
                code="scores_mixed",
            )
        return self.facts


def read_footers(files: Sequence[Path], wanted: set[str], column: str) -> Footers:
    """`column`: one of `wanted`. Raises SelectionError for a file that can't be read or lacks one
    of these, and where two have different types in one."""
    fields: dict[str, pa.Field] = {}
    rows, nulls = [], []
    facts, other = None, None
    known: pa.Schema | None = None
    for file in files:
        footer, schema = _read(file)
        # Most are alike.
        if known is None or not schema.equals(known):
            known = schema
            _require(file, schema, wanted)
            _unite(fields, file, schema)
        said = _facts(schema)
        facts = facts or said
        if said != facts and other is None:
            other = file
        rows.append(tuple(footer.row_group(i).num_rows for i in range(footer.num_row_groups)))
        nulls.append(_nulls(footer, column))
    return Footers(
        schema=pa.schema([field.remove_metadata() for field in fields.values()]),
        rows=tuple(rows),
        nulls=None if None in nulls else sum(filter(None, nulls)),
        facts=facts or dict.fromkeys(TOLD, ""),
        other=other,
    )


def _read(file: Path) -> tuple[pq.FileMetaData, pa.Schema]:
    try:
        with pq.ParquetFile(file) as table:
            return table.metadata, table.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise SelectionError(f"{file} can't be read: {error}", code="scores_invalid") from error


def _require(file: Path, schema: pa.Schema, wanted: set[str]) -> None:
    if missing := sorted(wanted - set(schema.names)):
        raise SelectionError(f"{file} has no column {', '.join(missing)}.", code="scores_invalid")


def _unite(fields: dict[str, pa.Field], file: Path, schema: pa.Schema) -> None:
    for field in schema:
        first = fields.setdefault(field.name, field)
        if first.type != field.type:
            raise SelectionError(
                f"{file} has {field.type} in {field.name}, where others have {first.type}.",
                code="scores_invalid",
            )


def _facts(schema: pa.Schema) -> dict[str, str]:
    raw = (schema.metadata or {}).get(METADATA_KEY.encode())
    said: dict[str, Any] = json.loads(raw) if raw else {}
    return {name: str(said.get(name) or "") for name in TOLD}


def _nulls(footer: pq.FileMetaData, column: str) -> int | None:
    """None where it isn't said."""
    leaves = range(footer.num_columns)
    leaf = next(i for i in leaves if footer.schema.column(i).path == column)
    found = 0
    for group in range(footer.num_row_groups):
        statistics = footer.row_group(group).column(leaf).statistics
        if statistics is None or not statistics.has_null_count:
            return None
        found += statistics.null_count
    return found
