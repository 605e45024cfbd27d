"""Daft, in a process of its own: run as a script, it answers questions about score tables.

Apart because Daft 0.7.26 sometimes ends a finished process with a segmentation fault, in its
threads, while Python shuts down; so this one leaves without that, and whoever asked is safe. It
imports nothing of this project, which would take longer than Daft itself.

On stdin a JSON object a line (see `Question`), on stdout an Arrow stream each. An argument is the
address of a Ray cluster, whose machines see the tables under the same paths.
"""

from __future__ import annotations

import binascii
import json
import os
import queue
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

BINS = 1 << 15
"""Over [0, 1], and as many below 0."""
OUTSIDE = -1
FILE = "_file"
KEPT = -1
AHEAD = 2
"""Batches that Daft may have ready before they are asked for."""
UID_DIGITS = 32
NOT_HEX = re.compile("[^0-9a-fA-F]")
NSFW_WORDS = {
    0.0: ["unlikely", "sfw", "safe"],
    0.5: ["unsure"],
    1.0: ["likely", "nsfw", "unsafe"],
}
"""LAION's, and what others made of them."""


class Filter(TypedDict):
    """`name`: what it looks at, as `Facts` has it. What passes lies from `low` to `high`, both in
    it; or is one of the `words`; or is listed in `file`, or for `deny` isn't: an .npy of uint64
    [2, n], the halves of uids in order."""

    name: str
    low: float | None
    high: float | None
    words: list[str]
    file: str | None


class Question(TypedDict):
    """`ask`: how many rows by filter and bin (`bins`: key, rows, and fell where there are filters),
    or the rows themselves (`rows`: what passes all filters, as uid, score and stratum; `odd rows`,
    without filters: beside what isn't below `low` all that is null, or no score in [-1, 1];
    `scores`: whatever has a score, as fell, score and stratum). `fell` is 2i for rows that the
    filter i took out, 2i + 1 for those of which it knew nothing, KEPT for the others.

    `row_groups`: of each file, None for all. `schema`: all columns of all files and their types, as
    a serialised Arrow schema in hex; the same of `metadata`, more tables, to be joined by uid.
    `state`: only that one. `by`: what the stratum is. `low`: only scores from there on, in Daft's
    order, which puts -0.0 below 0.0."""

    ask: str
    files: list[str]
    row_groups: list[list[int]] | None
    schema: str
    metadata: list[str]
    metadata_schema: str
    column: str
    state: str | None
    filters: list[Filter]
    by: str | None
    low: float | None


def answer(daft: Any, question: Question) -> Iterator[pa.RecordBatch]:
    """Scores that are null are in nothing but `odd rows`."""
    score = daft.col(question["column"])
    path = FILE if question["by"] == "shard" else None
    table = _read(daft, question["files"], question["schema"], path, question["row_groups"])
    if question["ask"] == "odd rows":
        # Statistics know nothing of NaN, so no row group is skipped for what they say.
        odd = score.is_null() | ~_is_inside(score)
        found = table.where(odd | (score >= question["low"]))
        found = found.select(daft.col("uid"), score.alias("score"))
    else:
        found = _found(daft, question, table, score)
    yield from found.to_arrow_iter(results_buffer_size=AHEAD)


def _found(daft: Any, question: Question, table: Any, score: Any) -> Any:
    if question["state"] is not None:
        table = table.where(daft.col("state") == question["state"])
    table = table.where(score.not_null())
    if question["low"] is not None:
        table = table.where(score >= question["low"])
    facts = Facts(daft, _names(question["schema"]))
    needed = {each["name"] for each in question["filters"]} | {question["by"]}
    if question["metadata"]:
        table = _joined(daft, table, facts, question, needed)
    # Columns of their own: Daft 0.7.26 takes two functions within one expression for the same.
    for each in question["filters"]:
        if each["file"] is not None:
            listed = _is_listed(daft, each["file"])(daft.col("uid"))
            table = table.with_column(f"_{each['name']}", listed)
            facts.know(each["name"], daft.col(f"_{each['name']}"))
    fell = _fell(daft, facts, question["filters"])
    by = question["by"]
    stratum = (
        [daft.functions.fill_null(facts.find(by), daft.lit("")).alias("stratum")] if by else []
    )
    rows = daft.col("key").count("all").alias("rows")
    if question["ask"] == "scores":
        return table.select(fell.alias("fell"), score.alias("score"), *stratum)
    if question["ask"] == "rows":
        table = table.where(fell == KEPT) if question["filters"] else table
        return table.select(daft.col("uid"), score.alias("score"), *stratum)
    if not question["filters"]:
        return table.select(_bin(daft, score).alias("key")).groupby("key").agg(rows)
    key = daft.functions.when(fell == KEPT, _bin(daft, score)).otherwise(_integer(daft, 0))
    return table.select(fell.alias("fell"), key.alias("key")).groupby("key", "fell").agg(rows)


class Facts:
    """What tables say of a pair, by the columns that `SOURCES` in filters.py names. Sides are in
    pixels, captions in code points, `max_nsfw` is 0 to 1, also where LAION says it in words;
    `shard` is the name of the table's file, without .parquet."""

    def __init__(self, daft: Any, names: set[str]) -> None:
        self._daft, self._names = daft, names
        self._known: dict[str, Any] = {}

    def know(self, name: str, expression: Any) -> None:
        """From elsewhere, whatever the table has."""
        self._known[name] = expression

    def find(self, name: str) -> Any:
        """Raises KeyError where the table has no such column."""
        found = self.look(name)
        if found is None:
            raise KeyError(name)
        return found

    def look(self, name: str) -> Any:
        if name in self._known:
            return self._known[name]
        if name in ("min_side", "max_aspect"):
            return self._sides(name)
        return getattr(self, f"_{name}")()

    def _sides(self, name: str) -> Any:
        sides = self._first("original_width", "WIDTH"), self._first("original_height", "HEIGHT")
        if sides[0] is None or sides[1] is None:
            return None
        width, height = (side.cast(self._daft.DataType.float64()) for side in sides)
        when = self._daft.functions.when
        smaller = when(width < height, width).otherwise(height)
        if name == "min_side":
            return smaller
        larger = when(width < height, height).otherwise(width)
        # A side of 0 is nothing that a picture has.
        return when(smaller > 0, larger / smaller).otherwise(self._nothing("float64"))

    def _caption_chars(self) -> Any:
        text = self._first("text", "TEXT", "caption")
        counted = None if text is None else text.length()
        return self._or(self._first("caption_chars"), counted, "int64")

    def _language(self) -> Any:
        return self._first("language", "LANGUAGE")

    def _max_nsfw(self) -> Any:
        words = self._first("NSFW")
        if words is not None:
            known = self._nothing("float64")
            for value, alike in NSFW_WORDS.items():
                is_one = words.lower().is_in(alike)
                known = self._daft.functions.when(is_one, value).otherwise(known)
            words = known
        return self._or(self._first("nsfw", "punsafe"), words, "float64")

    def _max_faces(self) -> Any:
        boxes = self._first("face_bboxes")
        counted = None if boxes is None else boxes.list_count("all")
        return self._or(self._first("faces", "num_faces"), counted, "int64")

    def _host(self) -> Any:
        url = self._first("url", "URL")
        host = None if url is None else self._daft.functions.parse_url(url).get("host")
        return self._or(self._first("url_host"), host, "string")

    def _shard(self) -> Any:
        name = r"([^/\\]*)\.parquet$"
        return self._daft.functions.regexp_extract(self._daft.col(FILE), name, 1)

    def _stratum(self) -> Any:
        return self._first("stratum")

    def _first(self, *names: str) -> Any:
        return next((self._daft.col(name) for name in names if name in self._names), None)

    def _or(self, first: Any, second: Any, kind: str) -> Any:
        kinds = [None if each is None else each.cast(self._type(kind)) for each in (first, second)]
        if kinds[0] is None or kinds[1] is None:
            return kinds[1] if kinds[0] is None else kinds[0]
        return self._daft.functions.coalesce(*kinds)

    def _nothing(self, kind: str) -> Any:
        return self._daft.lit(None).cast(self._type(kind))

    def _type(self, kind: str) -> Any:
        return getattr(self._daft.DataType, kind)()


def _joined(daft: Any, table: Any, facts: Facts, question: Question, needed: set[Any]) -> Any:
    """With what the metadata say of each pair. A uid that is there twice has the smaller of its
    sides and captions, the larger of the others, so that it passes only where each row would."""
    other = Facts(daft, _names(question["metadata_schema"]))
    there = {
        name: expression
        for name in sorted(needed - {None, "allow", "deny", "shard", "stratum"})
        if (expression := other.look(name)) is not None
    }
    more = _read(daft, question["metadata"], question["metadata_schema"])
    more = more.select(
        daft.col("uid").lower().alias("_uid"),
        *(each.alias(f"_{name}") for name, each in there.items()),
    )
    least = {"min_side", "caption_chars", "language", "host"}
    more = more.groupby("_uid").agg(
        *(
            (daft.col(f"_{n}").min() if n in least else daft.col(f"_{n}").max()).alias(f"_{n}")
            for n in there
        )
    )
    for name in there:
        facts.know(name, daft.col(f"_{name}"))
    return table.join(more, left_on=daft.col("uid").lower(), right_on=daft.col("_uid"), how="left")


def _fell(daft: Any, facts: Facts, filters: list[Filter]) -> Any:
    """The first filter that a row doesn't pass."""
    when = daft.functions.when
    fell = _integer(daft, KEPT)
    for number, each in reversed(list(enumerate(filters))):
        value = facts.find(each["name"])
        passes = _passes(daft, each, value)
        fell = when(passes, fell).otherwise(_integer(daft, 2 * number))
        # Last, so that it is asked first: what is null neither passes nor fails.
        fell = when(value.is_null(), _integer(daft, 2 * number + 1)).otherwise(fell)
    return fell


def _passes(daft: Any, filter: Filter, value: Any) -> Any:
    if filter["file"] is not None:
        return value if filter["name"] == "allow" else ~value
    if filter["words"]:
        return value.is_in(filter["words"])
    passes = daft.lit(True)
    if filter["low"] is not None:
        passes = passes & (value >= filter["low"])
    if filter["high"] is not None:
        passes = passes & (value <= filter["high"])
    return passes


def _is_listed(daft: Any, file: str) -> Any:
    def is_listed(uid: Any) -> Any:
        return pa.array(find_uids(np.load(file, mmap_mode="r"), uid.to_arrow()))

    return daft.func.batch(return_dtype=daft.DataType.bool(), use_process=False)(is_listed)


def find_uids(listed: Any, uids: pa.Array) -> Any:
    """[n] bool: which of these strings are in `listed`, uint64 [2, n], halves in order. What isn't
    32 hex digits is in no list."""
    found = np.zeros(len(uids), np.bool_)
    rows, texts = [], []
    for row, uid in enumerate(uids.to_pylist()):
        if uid is not None and len(uid) == UID_DIGITS and not NOT_HEX.search(uid):
            rows.append(row)
            texts.append(uid)
    words = np.frombuffer(binascii.unhexlify("".join(texts)), ">u8").astype(np.uint64)
    high, low = words[::2], words[1::2]
    first, last = (np.searchsorted(listed[0], high, side) for side in ("left", "right"))
    hits = np.zeros(len(rows), np.bool_)
    one = np.flatnonzero(last - first == 1)
    hits[one] = listed[1][first[one]] == low[one]
    several = np.flatnonzero(last - first > 1)
    for start in np.unique(first[several]):
        these = several[first[several] == start]
        part = listed[1][start : last[these[0]]]
        place = np.minimum(np.searchsorted(part, low[these]), len(part) - 1)
        hits[these] = part[place] == low[these]
    found[rows] = hits
    return found


def _read(
    daft: Any,
    files: list[str],
    schema: str,
    path: str | None = None,
    row_groups: list[list[int]] | None = None,
) -> Any:
    """Files that lack a column have it as nulls."""
    return daft.read_parquet(
        files, row_groups=row_groups, schema=_types(daft, schema), file_path_column=path
    )


def _names(schema: str) -> set[str]:
    return set(_schema(schema).names) if schema else set()


def _types(daft: Any, schema: str) -> dict[str, Any]:
    return {field.name: daft.DataType.from_arrow_type(field.type) for field in _schema(schema)}


def _schema(schema: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(schema)))


def _bin(daft: Any, score: Any) -> Any:
    """Rounding keeps the order, so whatever is above in bin is above in score."""
    number = ((score + 1.0) * float(BINS)).cast(daft.DataType.int32())
    return daft.functions.when(_is_inside(score), number).otherwise(_integer(daft, OUTSIDE))


def _is_inside(score: Any) -> Any:
    return (score >= -1.0) & (score <= 1.0)


def _integer(daft: Any, value: int) -> Any:
    return daft.lit(value).cast(daft.DataType.int32())


def _lines(leave: bool) -> Iterator[str]:
    """Of stdin, as they come. When it ends nobody wants an answer any more, also to a question that
    takes minutes: with `leave`, this process is gone at once."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        if leave:
            os._exit(0)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (line := lines.get()) is not None:
        yield line


def main() -> None:
    # Nobody is told that it runs, and nothing but answers goes to stdout.
    os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
    os.environ["DAFT_PROGRESS_BAR"] = "0"
    os.environ["DAFT_RUNNER"] = "ray" if sys.argv[1:] else "native"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    status = 1
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        import daft
        import daft.functions

        # Ray's own errors, such as a cluster that isn't there.
        lost = (RuntimeError, ValueError) if sys.argv[1:] else ()
        try:
            for address in sys.argv[1:]:
                daft.set_runner_ray(address)
            # One on Ray signs off first.
            for line in _lines(leave=not sys.argv[1:]):
                batches = answer(daft, json.loads(line))
                first = next(batches, None)
                with pa.ipc.new_stream(out, first.schema if first else pa.schema([])) as stream:
                    if first:
                        stream.write_batch(first)
                    for batch in batches:
                        stream.write_batch(batch)
                out.flush()
            if sys.argv[1:]:
                # Else a cluster of its own would outlive it for a while.
                import ray

                ray.shutdown()
            status = 0
        except (daft.exceptions.DaftCoreException, pa.ArrowException, OSError, *lost) as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
