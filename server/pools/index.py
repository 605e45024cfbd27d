"""A shard's index: one Parquet file, one row group a unit, one row a pair.

uid              string
image_start      int64, byte of the tar; null where the shard has no image
image_size       int64
caption_start    int64; null where the shard has no caption
caption_size     int64

and the columns of metadata.py, which indexes written before there were any lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dva_agent.protocol import PairRef, Span

from server.durable import put
from server.pools import metadata
from server.pools.metadata import PairMetadata

PAIRS = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        pa.field("image_start", pa.int64()),
        pa.field("image_size", pa.int64()),
        pa.field("caption_start", pa.int64()),
        pa.field("caption_size", pa.int64()),
    ]
)
SCHEMA = pa.schema([*PAIRS, *metadata.SCHEMA])
OPEN_INDEXES = 64
"""Whose footers are kept, parsed: 54 KB each of the demo's, which have four units, and more where a
shard has more."""


class IndexWriter:
    """Writes an index beside its place and moves it there when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, SCHEMA, compression="zstd")

    def add_unit(self, pairs: Sequence[PairRef], known: Sequence[PairMetadata]) -> None:
        """The unit's pairs, and as many rows of what is known of them."""
        columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        for pair, row in zip(pairs, known, strict=True):
            columns["uid"].append(pair.uid)
            for what, span in (("image", pair.image), ("caption", pair.caption)):
                columns[f"{what}_start"].append(None if span is None else span.start)
                columns[f"{what}_size"].append(None if span is None else span.size)
            for name, value in row._asdict().items():
                columns[name].append(value)
        self._writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=len(pairs))

    def commit(self) -> None:
        self._writer.close()
        put(self._partial, self._path)

    def discard(self) -> None:
        self._writer.close()
        self._partial.unlink(missing_ok=True)


def read_unit(path: Path, number: int) -> list[PairRef]:
    """The pairs of unit `number`, in their order. Raises OSError, for a damaged index too."""
    with _reading(path), pq.ParquetFile(path, metadata=_metadata(path)) as index:
        columns = index.read_row_group(number, columns=PAIRS.names).to_pydict()
    return [
        PairRef(uid=uid, image=_span(*image), caption=_span(*caption))
        for uid, image, caption in zip(
            columns["uid"],
            zip(columns["image_start"], columns["image_size"], strict=True),
            zip(columns["caption_start"], columns["caption_size"], strict=True),
            strict=True,
        )
    ]


def read_uids(path: Path) -> list[str]:
    """Of all pairs, in their order; none where there is no index any more."""
    try:
        uids: list[str] = pq.read_table(path, columns=["uid"])["uid"].to_pylist()
    except FileNotFoundError:
        return []
    return uids


def read_metadata(path: Path, number: int) -> pa.Table:
    """What is known of the pairs of unit `number`, in their order: columns of metadata.SCHEMA, all
    null where the index lacks them. Raises OSError, for a damaged index too."""
    with _reading(path), pq.ParquetFile(path, metadata=_metadata(path)) as index:
        footer = index.metadata
        known = [name for name in metadata.SCHEMA.names if name in index.schema_arrow.names]
        found = index.read_row_group(number, columns=known)
    rows = footer.row_group(number).num_rows
    return pa.table(
        [
            found[field.name] if field.name in known else pa.nulls(rows, field.type)
            for field in metadata.SCHEMA
        ],
        schema=metadata.SCHEMA,
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What Arrow says of bytes that aren't Parquet is no OSError, and would end whoever expects
    only a disk's errors."""
    try:
        yield
    except pa.ArrowException as error:
        raise OSError(f"The index {path} is damaged: {error}") from error


def _metadata(path: Path) -> Any:
    return _metadata_at(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=OPEN_INDEXES)
def _metadata_at(path: Path, mtime_ns: int) -> Any:
    """The footer, parsed once. What an index says never changes under its name, since a shard that
    did is refused at ingest; its bytes may, if it was lost and made anew."""
    del mtime_ns
    return pq.read_metadata(path)


def _span(start: int | None, size: int | None) -> Span | None:
    return None if start is None or size is None else Span(start=start, size=size)
