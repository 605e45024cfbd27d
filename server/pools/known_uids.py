"""Which uids a pool has already, to count those that come twice, without a row for each.

Each uid is a 64-bit hash in a sorted run, a file that is mapped into memory and searched by
bisection: 8 bytes a pair on the disk, and of two different uids among a billion the odds are 1 in
40 that any two share a hash. A run names its shards. Runs of like size are merged, so that there
are few. All of it follows from the indexes: what a crash or a second ingest loses is read from
there again, and the folder may be deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Keys = npt.NDArray[np.uint64]

FLUSH_AT = 4 << 20
"""Keys that wait in memory at most."""
MERGED_AT_MOST = 128 << 20
"""Keys of a run that merging may make: it holds them all."""
_SUFFIX = ".arrow"
_COLUMN = "key"


@dataclass(frozen=True, kw_only=True)
class _Run:
    keys: Keys
    shards: tuple[str, ...]
    path: Path | None = None
    """None while it waits in memory."""


class KnownUids:
    """The uids of one pool. One thread at a time; several processes may, and know of each other's
    the next time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = [run for path in sorted(folder.glob(f"*{_SUFFIX}")) if (run := _open(path))]
        self._waiting: list[_Run] = []

    @property
    def shards(self) -> set[str]:
        return {shard for run in (*self._runs, *self._waiting) for shard in run.shards}

    def contains(self, uids: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Of each, whether a shard that was added has it."""
        keys = _keys(uids)
        order = np.argsort(keys)
        asked = keys[order]  # in order, bisection stays among pages that it has just read
        found = np.zeros(len(asked), np.bool_)
        for run in (*self._runs, *self._waiting):
            if len(run.keys):
                places = np.minimum(run.keys.searchsorted(asked), len(run.keys) - 1)
                found |= run.keys[places] == asked
        answer = np.empty_like(found)
        answer[order] = found
        return answer

    def add(self, shard: str, uids: Iterable[str]) -> None:
        self._waiting.append(_Run(keys=np.unique(_keys(uids)), shards=(shard,)))
        while len(self._waiting) > 1 and len(self._waiting[-2].keys) <= 2 * len(
            self._waiting[-1].keys
        ):
            last = self._waiting.pop()
            self._waiting[-1] = _merged([self._waiting[-1], last])
        if sum(len(run.keys) for run in self._waiting) >= FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Puts what waits on the disk, together with the runs there that aren't much larger."""
        if not self._waiting:
            return
        merged = _merged(self._waiting)
        gone: list[_Run] = []
        self._runs.sort(key=lambda run: len(run.keys), reverse=True)
        while self._runs and len(self._runs[-1].keys) <= 2 * len(merged.keys):
            if len(self._runs[-1].keys) + len(merged.keys) > MERGED_AT_MOST:
                break
            gone.append(self._runs.pop())
            merged = _merged([merged, gone[-1]])
        self._runs.append(self._write(merged))
        self._waiting.clear()
        for run in gone:
            if run.path is not None:
                run.path.unlink(missing_ok=True)

    def _write(self, run: _Run) -> _Run:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{secrets.token_hex(8)}{_SUFFIX}"
        partial = path.with_suffix(".partial")
        schema = pa.schema(
            [pa.field(_COLUMN, pa.uint64(), nullable=False)],
            metadata={"shards": json.dumps(run.shards)},
        )
        with partial.open("wb") as file:
            with pa.ipc.new_file(file, schema) as writer:
                writer.write_batch(pa.record_batch([pa.array(run.keys)], schema=schema))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return _Run(keys=run.keys, shards=run.shards, path=path)


def _open(path: Path) -> _Run | None:
    """None for what is no run, or is gone by now: its shards are read again then."""
    try:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        shards = json.loads(table.schema.metadata[b"shards"])
        keys = table[_COLUMN].combine_chunks().to_numpy(zero_copy_only=False)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None
    return _Run(keys=keys, shards=tuple(shards), path=path)


def _merged(runs: Sequence[_Run]) -> _Run:
    return _Run(
        keys=np.unique(np.concatenate([run.keys for run in runs])),
        shards=tuple(shard for run in runs for shard in run.shards),
    )


def _keys(uids: Iterable[str]) -> Keys:
    digests = b"".join(hashlib.blake2b(uid.encode(), digest_size=8).digest() for uid in uids)
    return np.frombuffer(digests, np.uint64)
