"""truth.parquet, as a maker of a labelled pool writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RIGHT = ("true", "mojibake")


def write_truth(path: Path, kinds: Mapping[str, str]) -> Path:
    table = pa.table(
        {
            "uid": list(kinds),
            "kind": list(kinds.values()),
            "label": [kind in RIGHT for kind in kinds.values()],
        }
    )
    pq.write_table(table, path)
    return path
