"""What lies beside a pool's shards: pool.json (title, licence, ...) and truth.parquet (labels of a
pool made for grading, which no agent ever sees)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from server.errors import PoolError

RECORD = "pool.json"
TRUTH = "truth.parquet"
MAX_RECORD = 1 << 20


class ShardRecord(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    sha256: str


class PoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """pool.json. All of it is optional; unknown fields are ignored."""

    title: str = ""
    name: str = ""
    licence: str = "unknown"
    attribution: str = ""
    safe: bool = False
    """Whether its pictures may be shown unblurred."""
    shards: tuple[ShardRecord, ...] = ()

    def sha256(self, shard: str) -> str | None:
        """What the tar called `shard` must be, if the record says so."""
        return next((entry.sha256 for entry in self.shards if entry.path == shard), None)


def read_record(folders: Iterable[Path]) -> PoolRecord:
    """The pool.json of the folders; the default where there is none. Raises PoolError."""
    path = _only(folders, RECORD)
    if path is None:
        return PoolRecord()
    if path.stat().st_size > MAX_RECORD:
        raise PoolError(f"{path} is larger than {MAX_RECORD:,} bytes.")
    try:
        return msgspec.json.decode(path.read_bytes(), type=PoolRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PoolError(f"{path}: {error}") from error


def keep_truth(folders: Iterable[Path], target: Path) -> bool:
    """Copies the folders' truth.parquet, if there is one, to `target`. Raises PoolError if it
    isn't a table with uid and kind."""
    path = _only(folders, TRUTH)
    if path is None:
        return False
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise PoolError(f"{path} is no Parquet file: {error}") from error
    if not {"uid", "kind"} <= set(names):
        raise PoolError(f"{path} has no columns uid and kind.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(path, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
    return True


def _only(folders: Iterable[Path], name: str) -> Path | None:
    found = [path for folder in sorted(set(folders)) if (path := folder / name).is_file()]
    if len(found) > 1:
        raise PoolError(
            f"There is more than one {name}: {found[0]} and {found[1]}.",
            next_step="Ingest folders of different pools under different names.",
        )
    return found[0] if found else None
