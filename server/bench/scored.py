"""Made-up score tables, laid out as `dva scores` writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.selection import uids

MEAN, SPREAD = 0.2, 0.06
"""About those of a CLIP model's scores on CommonPool."""
SEED = 7


def write_scored(folder: Path, *, rows: int, shard_pairs: int) -> None:
    """One file a shard; the same for the same numbers."""
    folder.mkdir()
    random = np.random.default_rng(SEED)
    for number, first in enumerate(range(0, rows, shard_pairs)):
        count = min(shard_pairs, rows - first)
        high, low = random.integers(0, 1 << 64, (2, count), dtype=np.uint64)
        score = np.clip(random.normal(MEAN, SPREAD, count), -1, 1).astype(np.float32)
        columns = {
            "uid": uids.strings(high, low),
            "score": score,
            "status": _all("scored", count),
            "state": _all("confirmed", count),
            "bundle": _all("0" * 32, count),
            "unit": _all(f"u{number}-0", count),
        }
        pq.write_table(pa.table(columns), folder / f"{number:06}.parquet", compression="zstd")


def _all(word: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [word]).cast(pa.string())
