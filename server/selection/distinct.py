"""Of rows with one uid the best-scored alone, before the cut.

All that passes the filters is sorted by uid on the disk and written as a table of its own, from
which the cut is then made. Of rows that score the same it is the one whose stratum's name sorts
first; without strata they don't differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from server.selection import uids
from server.selection.asking import Engine
from server.selection.sorting import Members, Sorter, joined
from server.selection.strata import Names
from server.selection.tables import Binned, ScoreTables


def without_duplicates(
    engine: Engine, tables: ScoreTables, folder: Path, going: Callable[[], None] = lambda: None
) -> tuple[ScoreTables, Binned, int]:
    """Tables in `folder` that take the place of these, what the filters made of these, and how
    many rows were duplicates. `going` is called now and then while they are sorted."""
    binned = tables.bins(engine)
    runs, names = folder / "uids", Names()
    runs.mkdir()
    sorter = Sorter(runs)
    for batch in tables.rows(engine, None):
        high, low = uids.halves(batch.column("uid"))
        score = batch.column("score").to_numpy(zero_copy_only=False).astype(np.float64) + 0.0
        group = names.numbers(batch.column("stratum")) if tables.by else None
        sorter.add(Members(high, low, score, group))
    order = sorted(names)
    rank = np.empty(len(order), np.uint64)
    rank[[names[name] for name in order]] = np.arange(len(order))
    kind = tables.schema.field(tables.column).type
    schema = pa.schema([("uid", pa.string()), ("score", kind), ("stratum", pa.string())])
    path = folder / "distinct.parquet"
    kept = 0
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=["stratum"]) as writer:
        for block in _best(sorter, rank):
            going()
            strata = pa.nulls(len(block), pa.string())
            if block.group is not None:
                known = pa.array(list(names), pa.string())
                strata = known.take(pa.array(block.group))
            columns = [uids.strings(block.high, block.low), pa.array(block.score).cast(kind)]
            writer.write_table(pa.table([*columns, strata], schema=schema))
            kept += len(block)
    made = ScoreTables(files=(path,), by="stratum" if tables.by else None)
    return made, binned, len(sorter) - kept


def _best(blocks: Iterable[Members], rank: npt.NDArray[np.uint64]) -> Iterator[Members]:
    rest: Members | None = None
    for block in blocks:
        block = block if rest is None else joined([rest, block])
        block = block[_order(block, rank)]
        last = np.ones(len(block), np.bool_)
        last[:-1] = (block.high[1:] != block.high[:-1]) | (block.low[1:] != block.low[:-1])
        best = block[last]
        # More rows of the last uid may be in the next block.
        rest = best[len(best) - 1 :]
        yield best[: len(best) - 1]
    if rest is not None:
        yield rest


def _order(block: Members, rank: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """By uid, the best last."""
    worse = np.zeros(len(block)) if block.group is None else -rank[block.group].astype(np.int64)
    return np.lexsort((worse, block.score, block.low, block.high))
