"""What lies beside a pool's shards: pool.json (title, licence, ...) and truth.parquet (labels of a
pool made for grading, which no agent ever sees)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from server.durable import put
from server.errors import PoolError

RECORD = "pool.json"
TRUTH = "truth.parquet"
LABELS = pa.schema(
    [pa.field("uid", pa.string(), nullable=False), pa.field("kind", pa.string(), nullable=False)]
)
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


def read_truth(folders: Iterable[Path]) -> Mapping[str, str]:
    """uid -> kind of the folders' truth.parquet; empty where there is none. Raises PoolError."""
    path = _only(folders, TRUTH)
    return {} if path is None else _read_labels(path)


def merge_truth(truth: Mapping[str, str], kept: Path) -> dict[str, str]:
    """What is kept for the pool already, and `truth`. Raises PoolError if they contradict each
    other: what was graded by the one would be graded otherwise by the other."""
    merged = _read_labels(kept) if kept.exists() else {}
    for uid, kind in truth.items():
        if merged.setdefault(uid, kind) != kind:
            raise PoolError(
                f"{TRUTH} calls {uid} {kind}; the pool has it as {merged[uid]}.",
                code="truth_differs",
                next_step="Correct the file, or ingest under another pool name.",
            )
    return merged


def keep_truth(truth: Mapping[str, str], kept: Path) -> None:
    """Adds `truth` to what is kept for the pool. Raises PoolError, as `merge_truth`."""
    merged = merge_truth(truth, kept)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_name(kept.name + ".partial")
    table = pa.table([list(merged), list(merged.values())], schema=LABELS)
    pq.write_table(table, partial, compression="zstd")
    put(partial, kept)


def _read_labels(path: Path) -> dict[str, str]:
    try:
        names = pq.read_schema(path).names
        if any(names.count(name) != 1 for name in LABELS.names):
            raise PoolError(f"{path} has no columns uid and kind.", code="truth_invalid")
        table = pq.read_table(path, columns=LABELS.names)
        uids, kinds = (table[name].cast(pa.string()).to_pylist() for name in LABELS.names)
    except (pa.ArrowException, OSError) as error:
        raise PoolError(f"{path} is no table of labels: {error}", code="truth_invalid") from error
    if None in uids or None in kinds:
        raise PoolError(f"{path} has a uid or a kind that is null.", code="truth_invalid")
    labels = dict(zip(uids, kinds, strict=True))
    if len(labels) != len(uids):
        raise PoolError(f"{path} has a uid twice.", code="truth_invalid")
    return labels


def _only(folders: Iterable[Path], name: str) -> Path | None:
    found = [path for folder in sorted(set(folders)) if (path := folder / name).is_file()]
    if len(found) > 1:
        raise PoolError(
            f"There is more than one {name}: {found[0]} and {found[1]}.",
            next_step="Ingest folders of different pools under different names.",
        )
    return found[0] if found else None
