"""What img2dataset wrote beside a shard: SHARD.parquet, a row a pair that it tried, and
SHARD_stats.json. They say what isn't in the tar, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from server.pools.findings import Findings
from server.pools.metadata import host_of

MAX_STATS = 1 << 20
_COLUMNS = ("url", "status", "error_message")
_DOWNLOAD, _RESIZE = "failed_to_download", "failed_to_resize"


Count = Annotated[int, msgspec.Meta(ge=0, le=10**7)]


class _Stats(msgspec.Struct):
    failed_to_download: Count = 0
    failed_to_resize: Count = 0
    status_dict: dict[str, Count] = {}


class RecordError(Exception):
    """A record that can't be read. The shard itself is as good as ever."""


def read_record(shard: Path) -> Findings:
    """What couldn't be downloaded for the tar at `shard`; nothing if there is no record of it.
    Raises RecordError."""
    findings = Findings()
    table = shard.with_suffix(".parquet")
    stats = shard.with_name(f"{shard.stem}_stats.json")
    if table.is_file() and (found := _rows(table)) is not None:
        for url, status, message in found:
            if kind := _kind(status, message):
                findings.count(kind, host_of(url))
    elif stats.is_file():
        _count_stats(stats, findings)
    return findings


def _rows(path: Path) -> Iterator[tuple[object, object, object]] | None:
    """None for a table that isn't img2dataset's."""
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise RecordError(f"{path} can't be read: {error}") from error
    if any(names.count(name) != 1 for name in _COLUMNS):
        return None
    return _read(path)


def _read(path: Path) -> Iterator[tuple[object, object, object]]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                yield from zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} can't be read: {error}") from error


def _kind(status: object, message: object) -> str | None:
    """What of findings.py it is; None for a success."""
    text = message.lower() if isinstance(message, str) else ""
    if status == _DOWNLOAD:
        if "hash mismatch" in text:
            return "hash_drift"
        return "opted_out" if "disallowed" in text else "dead_link"
    if status == _RESIZE:
        return "unfit" if "too small" in text or "too large" in text else "unreadable"
    return None


def _count_stats(path: Path, findings: Findings) -> None:
    """Totals only: it names neither hosts nor which error belongs to which step."""
    try:
        with path.open("rb") as file:
            stats = msgspec.json.decode(file.read(MAX_STATS), type=_Stats)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{path} can't be read: {error}") from error
    left = {_DOWNLOAD: stats.failed_to_download, _RESIZE: stats.failed_to_resize}
    for message, count in stats.status_dict.items():
        for step in left:
            kind = _kind(step, message)
            if kind in ("hash_drift", "opted_out", "unfit") and 0 < count <= left[step]:
                findings.count(kind, None, count)
                left[step] -= count
    for step, count in left.items():
        if count > 0:
            findings.count(_kind(step, "") or "", None, count)
