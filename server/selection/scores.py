"""`dva scores`: a pool's scores as Parquet, one file a shard.

    uid           string
    score         float32, cosine similarity in [-1, 1]; null where status isn't scored. This is
                  dva's; a pool of another agent has that agent's columns here, float32, or string
                  where they stand for words
    status        string: PairStatus in lower case
    state         string: pending (nobody has checked it yet) or confirmed (audits have
                  passed, or other contributors made the same of it)
    bundle        string: the id of the bundle that scored it
    unit          string
    scored_at     timestamp[us, UTC]: when the server took the result
    rung          string: what arithmetic it was
    device_class  string: what the device said it is

and what the index knows of the pair (server/pools/metadata.py), for filters: null where it doesn't.

Which states are asked for is the caller's to say: `all` is both. What was rejected is in no table.
Pairs whose unit isn't done are not listed, and neither is what is withheld. A pair that was
restored after its unit had been scored without it is: as `withheld`, and null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dva_agent.protocol import Column, PairStatus

from server.config import VERSION, Settings
from server.db import Database
from server.durable import put
from server.errors import PoolError
from server.pools import services as pools
from server.pools.services import Pool, Shard, Unit
from server.reports import services as reports
from server.results import compacted
from server.results.services import Result
from server.results.standing import Standing
from server.selection.footers import METADATA_KEY

_STATUS_NAMES = np.array([status.name.lower() for status in PairStatus])


@dataclass(frozen=True, kw_only=True)
class Written:
    """What `write_scores` wrote."""

    files: int
    pairs: int
    scored: int
    withheld: int
    """Pairs of finished units that were left out."""
    pairs_total: int


def write_scores(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    out: Path,
    progress: Callable[[int, int], None],
    state: Standing = "all",
) -> Written:
    """Writes `out`/SHARD.parquet for every shard, each whole or not at all, and counts. Needs the
    memory of one shard's results. `progress(done, total)` counts shards. Raises PoolError."""
    with database.read() as session:
        found = pools.get_pool(session, pool)
        shards = pools.shards_of(session, found)
    columns = schema_of(columns_of(found))
    out.mkdir(parents=True, exist_ok=True)
    pairs = scored = withheld = 0
    progress(0, len(shards))
    for number, shard in enumerate(shards, start=1):
        path = out / f"{shard.name}.parquet"
        partial = out / f".{shard.name}.parquet.partial"
        schema = columns.with_metadata({METADATA_KEY: _metadata(found, shard)})
        try:
            with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
                tables = [schema.empty_table()]
                for unit, table in _finished_units(database, settings, shard, state):
                    tables.append(table.cast(schema))
                    pairs += len(table)
                    withheld += unit.pairs - len(table)
                    scored += pc.sum(pc.equal(table["status"], "scored")).as_py() or 0
                # In one go: a row group a unit would be slow to read.
                writer.write_table(pa.concat_tables(tables))
            put(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        progress(number, len(shards))
    total = sum(shard.pairs for shard in shards)
    return Written(
        files=len(shards), pairs=pairs, scored=scored, withheld=withheld, pairs_total=total
    )


def columns_of(pool: Pool) -> tuple[Column, ...]:
    """What the pool's agent says of each pair. Raises PoolError if there is no such agent."""
    agent = pools.agent_of(pool)
    if agent is None:
        raise PoolError(
            f"The agent {pool.agent} isn't here any more.",
            code="agent_unknown",
            next_step="Put its module back into dva_agent/agents: it says what its numbers are.",
        )
    return agent.columns


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The table of an agent that gives each pair these columns."""
    own = [pa.field(c.name, pa.string() if c.labels else pa.float32()) for c in columns]
    return pa.schema(
        [
            pa.field("uid", pa.string(), nullable=False),
            *own,
            pa.field("status", pa.string(), nullable=False),
            pa.field("state", pa.string(), nullable=False),
            pa.field("bundle", pa.string(), nullable=False),
            pa.field("unit", pa.string(), nullable=False),
            pa.field("scored_at", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("rung", pa.string(), nullable=False),
            pa.field("device_class", pa.string(), nullable=False),
            # An agent that says it itself, such as a caption's language, knows better.
            *(field for field in pools.METADATA if field.name not in {c.name for c in columns}),
        ]
    )


def shard_scores(
    database: Database, settings: Settings, shard: Shard, state: Standing = "all"
) -> Iterator[pa.Table]:
    """One table of `schema_of` a finished unit, in the shard's order, without what is withheld.
    Raises PoolError."""
    for _, table in _finished_units(database, settings, shard, state):
        yield table


def _finished_units(
    database: Database, settings: Settings, shard: Shard, state: Standing
) -> Iterator[tuple[Unit, pa.Table]]:
    columns = columns_of(shard.pool)
    with database.read() as session:
        hidden = reports.withheld_of_shard(session, shard)
        for unit, result in compacted.results_of(session, settings, shard, state):
            table = _unit_scores(settings, columns, unit, result)
            yield unit, _without(table, hidden.get(unit.id, reports.NOWHERE))


def _without(table: pa.Table, positions: reports.Positions) -> pa.Table:
    if not positions:
        return table
    return table.filter(pa.array([index not in positions for index in range(len(table))]))


def _unit_scores(
    settings: Settings, columns: Sequence[Column], unit: Unit, result: Result
) -> pa.Table:
    statuses = np.frombuffer(result.statuses, np.uint8)
    scores = np.frombuffer(result.scores, "<f4").reshape(len(statuses), len(columns))
    uids = [pair.uid for pair in pools.unit_pairs(settings, unit)]
    size = len(uids)
    missing = statuses != PairStatus.SCORED
    own = {c.name: _column(c, scores[:, i], missing) for i, c in enumerate(columns)}
    arrays = {
        "uid": uids,
        **own,
        "status": _STATUS_NAMES[statuses],
        "state": [result.state] * size,
        "bundle": [result.bundle] * size,
        "unit": [unit.name] * size,
        "scored_at": [result.scored_at] * size,
        "rung": [result.rung] * size,
        "device_class": [result.device_class] * size,
    }
    known = pools.unit_metadata(settings, unit)
    arrays = {name: known[name] for name in known.column_names} | arrays
    return pa.table(arrays, schema=schema_of(columns))


def _column(
    column: Column, values: npt.NDArray[np.float32], missing: npt.NDArray[np.bool_]
) -> pa.Array:
    if not column.labels:
        return pa.array(values, pa.float32(), mask=missing)
    words = np.array(column.labels, dtype=object)[values.astype(np.int64)]
    return pa.array(words, pa.string(), mask=missing)


def _metadata(pool: Pool, shard: Shard) -> str:
    """Where the scores come from, as JSON in the file's own metadata."""
    return json.dumps(
        {
            "pool": pool.name,
            "title": pool.title,
            "licence": pool.licence,
            "attribution": pool.attribution,
            "agent": pool.agent,
            "bundle": pool.bundle,
            "shard": shard.name,
            "shard_sha256": shard.sha256,
            "shard_pairs": shard.pairs,
            "dva_version": VERSION,
        }
    )
