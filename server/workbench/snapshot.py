"""A pool's scores at one moment, ranked: what the workbench looks at instead of the results.

    data/workbench/POOL/snapshots/ID/
      confirmed.rank, .npy    see `ranking`
      pending.rank, .npy
      tables/SHARD.parquet    uid, score, state and what filters ask for, of the same pairs
      snapshot.json           Facts; written last
      eligible/KEY/           see `eligible`

What is in it comes from `server.selection.scores`, as `dva scores` has it: it doesn't matter which
shards are rows and which are compacted, and what is withheld isn't in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dva_agent.protocol import Column

from server.config import Settings
from server.db import Database
from server.errors import SelectionError
from server.pools import services as pools
from server.results.standing import Standing
from server.selection import uids
from server.selection.scores import columns_of, schema_of, shard_scores
from server.workbench.ranking import RECORD, Ranking, Writer

NAME = "snapshot.json"
TABLES = "tables"
SCORE = "score"
COLUMNS = ("uid", SCORE, "state", *pools.METADATA.names)
State = Literal["confirmed", "pending"]
STATES: tuple[State, ...] = ("confirmed", "pending")
OPEN_SNAPSHOTS = 16
Progress = Callable[[int, int], None]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`made_at`: when the first result was read. `pairs_done`: of finished units then, those too
    that have no score. `shards`: names, in the order that records number them."""

    format: Literal["dva snapshot 2"] = "dva snapshot 2"
    pool: str
    bundle: str
    made_at: datetime
    pairs_done: int
    shards: list[str]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    folder: Path
    facts: Facts
    by_state: Mapping[State, Ranking]

    def of(self, standing: Standing) -> dict[str, Ranking]:
        """By state."""
        return {
            state: ranking for state, ranking in self.by_state.items() if standing in ("all", state)
        }

    @property
    def tables(self) -> tuple[Path, ...]:
        return tuple(sorted((self.folder / TABLES).glob("*.parquet")))


def take(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    out: Path,
    at: datetime,
    progress: Progress,
) -> Facts:
    """Writes the folder `out`, whole or not at all. Raises PoolError, SelectionError where scores
    can't be ranked or uids can't be cut. `progress(done, total)` counts shards, and one step more
    for the sorting, all along which it is called with that; what it raises ends it."""
    with database.read() as session:
        found = pools.get_pool(session, pool)
        shards = pools.shards_of(session, found)
    columns = columns_of(found)
    if not any(column.name == SCORE for column in columns):
        raise SelectionError(
            f"The agent {found.agent} gives no score to cut by.", code="nothing_to_cut"
        )
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / TABLES).mkdir(parents=True)
    schema = _schema(columns)
    writers = {state: Writer(partial, state) for state in STATES}
    try:
        for number, shard in enumerate(shards):
            progress(number, len(shards) + 1)
            tables = [schema.empty_table()]
            for table in shard_scores(database, settings, shard):
                scored = table.filter(table[SCORE].is_valid())
                tables.append(scored.select(schema.names))
                for state, writer in writers.items():
                    writer.add(_records(scored.filter(pc.equal(scored["state"], state)), number))
            pq.write_table(
                pa.concat_tables(tables),
                partial / TABLES / f"{shard.name}.parquet",
                compression="zstd",
            )

        def going() -> None:
            """All along: a job that says nothing for a minute is given up."""
            progress(len(shards), len(shards) + 1)

        going()
        for writer in writers.values():
            writer.finish(going)
        facts = Facts(
            pool=pool,
            bundle=found.bundle,
            made_at=at,
            pairs_done=sum(shard.pairs_done for shard in shards),
            shards=[shard.name for shard in shards],
        )
        _keep(partial / NAME, msgspec.json.encode(facts))
        partial.rename(out)
    finally:
        for writer in writers.values():
            writer.close()
        shutil.rmtree(partial, ignore_errors=True)
    return facts


@lru_cache(maxsize=OPEN_SNAPSHOTS)
def read(folder: Path) -> Snapshot:
    """Nothing changes in it, so it's opened once. Raises SelectionError."""
    try:
        facts = msgspec.json.decode((folder / NAME).read_bytes(), type=Facts)
        by_state: dict[State, Ranking] = {state: Ranking.read(folder, state) for state in STATES}
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SelectionError(
            f"The snapshot in {folder} can't be read.",
            code="snapshot_unreadable",
            next_step="Take a new one.",
        ) from error
    return Snapshot(folder=folder, facts=facts, by_state=by_state)


def _schema(columns: Sequence[Column]) -> pa.Schema:
    """Of a table: under the same names and types as `dva scores` has them."""
    known = schema_of(columns)
    return pa.schema([known.field(name) for name in COLUMNS])


def _records(table: pa.Table, shard: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    records = np.empty(len(table), RECORD)
    if not len(table):
        return records
    table = table.combine_chunks()
    score = table[SCORE].to_numpy()
    if not ((score >= -1) & (score <= 1)).all():
        raise SelectionError("There are scores outside [-1, 1].", code="scores_invalid")
    units = pc.dictionary_encode(table["unit"]).combine_chunks()
    numbers = np.array([_unit_number(name) for name in units.dictionary.to_pylist()], np.uint32)
    records["score"] = score
    records["shard"] = shard
    records["unit"] = numbers[units.indices.to_numpy()]
    records["high"], records["low"] = uids.halves(table["uid"].chunk(0))
    return records


def _unit_number(name: str) -> int:
    """Of u12-7 it is 7."""
    return int(name.rpartition("-")[2])


def _keep(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def uid_of(record: np.void) -> str:
    """32 hex digits."""
    return f"{int(record['high']):016x}{int(record['low']):016x}"
