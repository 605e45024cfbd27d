"""Daft, in a process of its own: run as a script, it answers questions about score tables.

Apart because Daft 0.7.26 sometimes ends a finished process with a segmentation fault, in its
threads, while Python shuts down; so this one leaves without that, and whoever asked is safe. It
imports nothing of this project, which would take longer than Daft itself.

On stdin a JSON object a line (see `Question`), on stdout an Arrow stream each.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, TypedDict

import pyarrow as pa

BINS = 1 << 15
"""Over [0, 1], and as many below 0."""
OUTSIDE = -1
AHEAD = 2
"""Batches that Daft may have ready before they are asked for."""


class Question(TypedDict):
    """`ask`: how many rows by `bin` or by `score`, as (key, rows), or the `members`, as (uid,
    score). `state`: only that one. `bin`, `low`, `high`: only scores there, the latter in Daft's
    order, which puts -0.0 below 0.0. All of them may be None."""

    ask: str
    files: list[str]
    column: str
    state: str | None
    bin: int | None
    low: float | None
    high: float | None


def answer(daft: Any, question: Question) -> Iterator[pa.RecordBatch]:
    """Scores that are null are in nothing."""
    score = daft.col(question["column"])
    table = daft.read_parquet(question["files"])
    if question["state"] is not None:
        table = table.where(daft.col("state") == question["state"])
    table = table.where(score.not_null())
    if question["bin"] is not None:
        table = table.where(_bin(daft, score) == question["bin"])
    if question["low"] is not None:
        table = table.where(score >= question["low"])
    if question["high"] is not None:
        table = table.where(score <= question["high"])
    if question["ask"] == "members":
        found = table.select(daft.col("uid"), score.alias("score"))
    else:
        key = _bin(daft, score) if question["ask"] == "bin" else score
        count = daft.col("key").count().alias("rows")
        found = table.select(key.alias("key")).groupby("key").agg(count)
    yield from found.to_arrow_iter(results_buffer_size=AHEAD)


def _bin(daft: Any, score: Any) -> Any:
    """Rounding keeps the order, so whatever is above in bin is above in score."""
    integer = daft.DataType.int32()
    number = ((score + 1.0) * float(BINS)).cast(integer)
    inside = (score >= -1.0) & (score <= 1.0)
    return daft.functions.when(inside, number).otherwise(daft.lit(OUTSIDE).cast(integer))


def main() -> None:
    # Nobody is told that it runs, and nothing but answers goes to stdout.
    os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
    os.environ["DAFT_PROGRESS_BAR"] = "0"
    os.environ["DAFT_RUNNER"] = "native"
    status = 1
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        import daft
        import daft.functions

        try:
            for line in sys.stdin:
                batches = answer(daft, json.loads(line))
                first = next(batches, None)
                with pa.ipc.new_stream(out, first.schema if first else pa.schema([])) as stream:
                    if first:
                        stream.write_batch(first)
                    for batch in batches:
                        stream.write_batch(batch)
                out.flush()
            status = 0
        except (daft.exceptions.DaftCoreException, pa.ArrowException, OSError) as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
