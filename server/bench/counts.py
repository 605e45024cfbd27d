"""What the workbench counts, on made-up pairs: what filters leave, what is left within strata, what
another selection shares, and the line in it. Each in a process of its own."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.bench.memory import Spent, said, spend
from server.bench.scored import MEAN, SEED, SPREAD
from server.db import now
from server.selection import uids
from server.workbench import counting, look, snapshot
from server.workbench.asked import Asked
from server.workbench.others import Choice
from server.workbench.ranking import RECORD, Writer
from server.workbench.snapshot import COLUMNS, NAME, STATES, TABLES, Facts
from server.workbench.view import view_of

FILTERS = {"min-side": "200", "caption-chars": "5..200", "max-nsfw": "0.5"}
ASKED: Mapping[str, Asked] = {
    "filters": Asked(filters=FILTERS),
    "distinct": Asked(filters={**FILTERS, "distinct": "yes"}),
    "strata": Asked(filters={**FILTERS, "per": "host"}),
    "other": Asked(filters=FILTERS, other="list:other"),
}
"""In this order: the last one asks of what the first one left."""
HOSTS = 1000
LINES = 50
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class CountsBench:
    """`line_ms`: until a page knows where a line lies, of what the filters left."""

    rows: int
    tables_bytes: int
    ranking_bytes: int
    spent: Mapping[str, Spent]
    line_ms: float
    line_in_strata_ms: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def bench_counts(*, rows: int, shard_pairs: int, say: Say) -> CountsBench:
    """A third of the pairs is in the other selection."""
    with tempfile.TemporaryDirectory(prefix="dva-bench-counts-") as home:
        folder = Path(home)
        say(f"Making {rows:,} pairs")
        _write(folder, rows, shard_pairs)
        spent = {}
        for name in ASKED:
            spent[name] = spend([sys.executable, "-m", "server.bench.counts", home, name])
            say(f"{name}: {said(spent[name])}")
        return CountsBench(
            rows=rows,
            tables_bytes=sum(path.stat().st_size for path in (folder / TABLES).iterdir()),
            ranking_bytes=(folder / "confirmed.rank").stat().st_size,
            spent=spent,
            line_ms=_line_ms(folder, ASKED["filters"]),
            line_in_strata_ms=_line_ms(folder, ASKED["strata"]),
        )


def _line_ms(folder: Path, asked: Asked) -> float:
    view = view_of(snapshot.read(folder), asked, [])
    assert view is not None, "counted before"
    taken = []
    for step in range(1, LINES + 1):
        start = time.perf_counter()
        look.tell(view, Asked(filters=asked.filters, value=str(100 * step / LINES)), None)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def _write(folder: Path, rows: int, shard_pairs: int) -> None:
    """A snapshot; the same for the same numbers."""
    (folder / TABLES).mkdir()
    random = np.random.default_rng(SEED)
    writers = {state: Writer(folder, state) for state in STATES}
    others, names = [], []
    for number, first in enumerate(range(0, rows, shard_pairs)):
        count = min(shard_pairs, rows - first)
        records = np.zeros(count, RECORD)
        records["high"], records["low"] = random.integers(0, 1 << 64, (2, count), dtype=np.uint64)
        records["score"] = np.clip(random.normal(MEAN, SPREAD, count), -1, 1)
        records["shard"] = number
        writers["confirmed"].add(records)
        others.append(uids.joined(records["high"], records["low"])[::3])
        names.append(f"{number:06}")
        table = _table(records, random).select(COLUMNS)
        pq.write_table(table, folder / TABLES / f"{names[-1]}.parquet", compression="zstd")
    for writer in writers.values():
        writer.finish()
    np.save(folder / "other.npy", np.sort(np.concatenate(others)))
    facts = Facts(pool="bench", bundle="", made_at=now(), pairs_done=rows, shards=names)
    (folder / NAME).write_bytes(msgspec.json.encode(facts))


def _table(records: Any, random: np.random.Generator) -> pa.Table:
    count = len(records)
    hosts = pa.array([f"h{number}.example" for number in range(HOSTS)], pa.string())
    # As few hosts have most pictures of the web.
    which = np.minimum(random.zipf(1.3, count), HOSTS) - 1
    return pa.table(
        {
            "uid": uids.strings(records["high"], records["low"]),
            "score": records["score"],
            "state": pa.repeat("confirmed", count),
            "original_width": pa.array(random.integers(50, 2000, count), pa.int32()),
            "original_height": pa.array(random.integers(50, 2000, count), pa.int32()),
            "url_host": hosts.take(pa.array(which)),
            "caption_chars": pa.array(random.integers(1, 250, count), pa.int32()),
            "language": pa.repeat("en", count),
            "nsfw": pa.array(random.random(count), pa.float32()),
            "faces": pa.array(random.integers(0, 3, count), pa.int16()),
        }
    )


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    known = [Choice(value="list:other", label="", path=folder / "other.npy")]
    counting.count(snapshot.read(folder), ASKED[name], known, lambda *_: None)


if __name__ == "__main__":
    main()
