"""The same cut by DuckDB's SQL, which is free to use all cores.

python -m server.bench.select_duckdb SCORES SHARE MEMBERS.npy
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from server.selection import uids


def main(scores: Path, share: float, out: Path) -> None:
    database = duckdb.connect()
    table = database.read_parquet(str(scores / "*.parquet"))
    database.register("scores", table)
    (count,) = database.execute("SELECT count(score) FROM scores").fetchone() or (0,)
    (threshold,) = database.execute(
        "SELECT score FROM scores WHERE score IS NOT NULL ORDER BY score DESC LIMIT 1 OFFSET ?",
        [int(count * share)],
    ).fetchone() or (0,)
    found = database.execute(
        "SELECT uid FROM scores WHERE score >= ?::FLOAT ORDER BY uid", [threshold]
    )
    members: Any = found.to_arrow_table()
    np.save(out, uids.joined(*uids.halves(members["uid"].combine_chunks())))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
