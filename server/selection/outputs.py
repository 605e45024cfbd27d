"""What a selection is kept in, written and read as a stream: `members.npy`, DataComp's own layout,
and `members.parquet`, the same members with their scores, in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from server.credit import merkle
from server.errors import SelectionError
from server.selection import uids
from server.selection.sorting import Members

NPY, PARQUET = "members.npy", "members.parquet"
BLOCK = 256
"""Members a leaf of the Merkle tree stands for."""
ROWS = 1 << 17


class Tree:
    """The Merkle tree over members: leaf i is that of members 256 i to 256 i + 255, 16 bytes
    each."""

    def __init__(self) -> None:
        self._tree = merkle.Growing()
        self._rest = b""

    def add(self, members: Members) -> None:
        data = self._rest + uids.plain(members.high, members.low)
        size = BLOCK * 16
        whole = len(data) // size * size
        for start in range(0, whole, size):
            self._tree.add(merkle.leaf(data[start : start + size]))
        self._rest = data[whole:]

    def root(self) -> str:
        """Once, after all."""
        if self._rest:
            self._tree.add(merkle.leaf(self._rest))
            self._rest = b""
        return self._tree.root().hex()


class Writer:
    """Both files, in `folder`. `count`: how many members `add` will be given in all. Each time it
    writes a row group."""

    def __init__(self, folder: Path, count: int, score: pa.DataType) -> None:
        self._npy = (folder / NPY).open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(uids.LAYOUT), "fortran_order": False}
        np.lib.format.write_array_header_1_0(self._npy, {**header, "shape": (count,)})
        self._schema = pa.schema([pa.field("uid", pa.string()), pa.field("score", score)])
        self._parquet = pq.ParquetWriter(
            folder / PARQUET, self._schema, compression="zstd", use_dictionary=False
        )

    def add(self, members: Members) -> None:
        self._npy.write(uids.joined(members.high, members.low).tobytes())
        score = pa.array(members.score).cast(self._schema.field("score").type)
        table = pa.table([uids.strings(members.high, members.low), score], schema=self._schema)
        self._parquet.write_table(table)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parquet.close()
        self._npy.close()


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    name: str
    bytes: int
    sha256: str


def facts(path: Path) -> FileFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileFacts(name=path.name, bytes=file.tell(), sha256=digest.hexdigest())


def precision(folder: Path) -> type[np.floating[Any]]:
    """Of the scores in `members.parquet`, which have that of the tables. Raises SelectionError
    where it isn't laid out as ours are."""
    try:
        schema = pq.read_schema(folder / PARQUET)
    except (pa.ArrowException, OSError) as error:
        raise SelectionError(
            f"{PARQUET} can't be read: {error}", code="selection_differs"
        ) from error
    if schema.names == ["uid", "score"] and schema.types[0] == pa.string():
        if schema.types[1] == pa.float32():
            return np.float32
        if schema.types[1] == pa.float64():
            return np.float64
    raise SelectionError(f"{PARQUET} has other columns than a selection.", code="selection_differs")


def read_members(folder: Path) -> Iterator[Members]:
    """Blocks of `members.parquet`, held against `members.npy`. Raises SelectionError where the two
    differ, or one can't be read."""
    try:
        table = pq.ParquetFile(folder / PARQUET)
        listed = uids.read_layout(folder / NPY)
        if table.metadata.num_rows != len(listed):
            raise SelectionError(
                f"{NPY} has {len(listed):,} members, {PARQUET} {table.metadata.num_rows:,}.",
                code="selection_differs",
            )
        yield from _blocks(table.iter_batches(ROWS, columns=["uid", "score"]), listed)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise SelectionError(
            f"The members can't be read: {error}", code="selection_differs"
        ) from error


def _blocks(batches: Iterable[pa.RecordBatch], listed: npt.NDArray[np.void]) -> Iterator[Members]:
    start = 0
    for batch in batches:
        high, low = uids.halves(batch.column(0))
        score = batch.column(1).to_numpy(zero_copy_only=False).astype(np.float64)
        if not np.array_equal(listed[start : start + len(high)], uids.joined(high, low)):
            raise SelectionError(
                f"{NPY} and {PARQUET} don't have the same members.", code="selection_differs"
            )
        start += len(high)
        yield Members(high, low, score)
