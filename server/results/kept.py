"""The file that a finished shard's results become: one row a pair, sorted by unit.

    uid           string
    ...           float32: a column for each of the agent's, as it was stored; 0 where there is none
    status        string: PairStatus in lower case
    state, bundle, unit, scored_at, rung, device_class
                  as in the tables that `dva scores` writes
    result        int64: its number
    copy          int16: 0 for the one whose scores are the unit's
    policy        string: who decided about it, audits or replication
    lease         string
    claimed_at    timestamp[us, UTC]: when that lease was
    device        string: whose keys are in the database
    digest        string: sha256 of what was posted
    signature     binary: the device's
    audits        string: JSON, a list; what trust keeps of each audit of the result

Everything after `status` is the same for all pairs of a result and takes next to no room. From such
a file each result comes back as it was, to the bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dva_agent.protocol import PairStatus

from server.errors import PoolError
from server.results.models import Result

FORMAT = "dva results 1"
METADATA_KEY = b"dva"
_NAMES = [status.name.lower() for status in PairStatus]
_CODES = {status.name.lower(): int(status) for status in PairStatus}
_WORD = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("us", tz="UTC")
_OF_RESULT = [
    pa.field("state", _WORD, nullable=False),
    pa.field("bundle", _WORD, nullable=False),
    pa.field("unit", _WORD, nullable=False),
    pa.field("scored_at", _TIME, nullable=False),
    pa.field("rung", _WORD, nullable=False),
    pa.field("device_class", _WORD, nullable=False),
    pa.field("result", pa.int64(), nullable=False),
    pa.field("copy", pa.int16(), nullable=False),
    pa.field("policy", _WORD, nullable=False),
    pa.field("lease", _WORD, nullable=False),
    pa.field("claimed_at", _TIME, nullable=False),
    pa.field("device", _WORD, nullable=False),
    pa.field("digest", _WORD, nullable=False),
    pa.field("signature", pa.dictionary(pa.int32(), pa.binary())),
    pa.field("audits", _WORD, nullable=False),
]
_OWN = {"uid", "status", *(field.name for field in _OF_RESULT)}
TIMES_KEPT = 512


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A result with what goes with it into the file. `unit`: its unit's name."""

    unit: str
    result: Result
    claimed_at: datetime
    audits: str


def write_beside(
    path: Path,
    kept: Sequence[Kept],
    *,
    uids: Sequence[Sequence[str]],
    columns: Sequence[str],
    said: dict[str, Any],
) -> Path:
    """Writes a whole file, on the disk when this returns, under a name of its own beside `path`,
    and gives that. `uids`: of each of `kept`, which has one at least; `columns`: the agent's;
    `said`: what the file says of itself. Raises PoolError if an agent's column has a name that is
    taken."""
    if taken := sorted(_OWN & set(columns)):
        raise PoolError(
            f"The agent's column {taken[0]} has the name of one of ours.",
            code="column_taken",
            next_step="Its shards can't be compacted.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            pq.write_table(
                _table(kept, uids, columns, said),
                file,
                compression="zstd",
                # Scores hardly repeat; the halves of uids neither.
                use_dictionary=[field.name for field in _OF_RESULT] + ["status"],
            )
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(path: Path, digest: str) -> bool:
    """Whether it is there, and the file with this sha256."""
    try:
        return sha256(path) == digest
    except OSError:
        return False


def read(path: Path, digest: str) -> list[Kept]:
    """All results of a file, in its order: objects that belong to no session, without their unit's
    number. Raises PoolError unless it is the file with this sha256."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise damaged(path, f"can't be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise damaged(path, "isn't the file that was written: its sha256 differs")
    return list(_results(pq.read_table(io.BytesIO(data))))


@lru_cache(maxsize=TIMES_KEPT)
def times(path: Path, digest: str) -> dict[int, datetime]:  # noqa: ARG001
    """When each result of the file with this sha256 was taken, by its number; the rest of the file
    isn't looked at. Raises PoolError."""
    try:
        table = pq.read_table(path, columns=["result", "scored_at"])
    except (OSError, pa.ArrowException, KeyError) as error:
        raise damaged(path, f"can't be read: {error}") from error
    first = _firsts(table)
    return dict(
        zip(
            table["result"].take(first).to_pylist(),
            table["scored_at"].take(first).to_pylist(),
            strict=True,
        )
    )


def damaged(path: Path, what: str) -> PoolError:
    return PoolError(
        f"{path} {what}.",
        code="scores_damaged",
        next_step="Put it back from a backup of the data folder's scores/; dva doctor checks all.",
    )


def _table(
    kept: Sequence[Kept],
    uids: Sequence[Sequence[str]],
    columns: Sequence[str],
    said: dict[str, Any],
) -> pa.Table:
    sizes = [len(each.result.statuses) for each in kept]
    assert sizes == [len(names) for names in uids]
    at = pa.array(np.repeat(np.arange(len(kept)), sizes))
    codes = np.frombuffer(b"".join(each.result.statuses for each in kept), np.uint8)
    scores = np.frombuffer(b"".join(each.result.scores for each in kept), "<f4")
    table = scores.reshape(sum(sizes), len(columns))
    of_result: dict[str, Sequence[object]] = {
        "state": [each.result.state for each in kept],
        "bundle": [each.result.bundle for each in kept],
        "unit": [each.unit for each in kept],
        "scored_at": [each.result.scored_at for each in kept],
        "rung": [each.result.rung for each in kept],
        "device_class": [each.result.device_class for each in kept],
        "result": [each.result.id for each in kept],
        "copy": [each.result.copy for each in kept],
        "policy": [each.result.policy for each in kept],
        "lease": [each.result.lease_id for each in kept],
        "claimed_at": [each.claimed_at for each in kept],
        "device": [each.result.device_id for each in kept],
        "digest": [each.result.digest for each in kept],
        "signature": [each.result.signature for each in kept],
        "audits": [each.audits for each in kept],
    }
    schema = pa.schema(
        [
            pa.field("uid", pa.string(), nullable=False),
            *(pa.field(name, pa.float32(), nullable=False) for name in columns),
            pa.field("status", _WORD, nullable=False),
            *_OF_RESULT,
        ],
        metadata={METADATA_KEY: json.dumps({"format": FORMAT, "columns": [*columns], **said})},
    )
    arrays = [
        pa.array([uid for names in uids for uid in names], pa.string()),
        *(pa.array(table[:, place]) for place in range(len(columns))),
        pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(_NAMES)),
        *(_repeated(of_result[field.name], field.type, at) for field in _OF_RESULT),
    ]
    return pa.table(arrays, schema=schema)


def _repeated(values: Sequence[object], kind: pa.DataType, at: pa.Array) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, kind).take(at)
    words = pa.array(values, kind.value_type)
    return words.dictionary_encode().take(at).cast(kind)


def _results(table: pa.Table) -> Iterator[Kept]:
    said = json.loads(table.schema.metadata[METADATA_KEY])
    assert said["format"] == FORMAT
    scores = np.column_stack([table[name].to_numpy() for name in said["columns"]])
    statuses = _statuses(table["status"])
    firsts = [*_firsts(table), len(table)]
    of_result = table.select([field.name for field in _OF_RESULT]).take(firsts[:-1]).to_pylist()
    for row, first, end in zip(of_result, firsts[:-1], firsts[1:], strict=True):
        own = statuses[first:end].tobytes()
        yield Kept(
            unit=row["unit"],
            claimed_at=row["claimed_at"],
            audits=row["audits"],
            result=Result(
                id=row["result"],
                lease_id=row["lease"],
                device_id=row["device"],
                copy=row["copy"],
                policy=row["policy"],
                state=row["state"],
                drawn=True,
                bundle=row["bundle"],
                rung=row["rung"],
                device_class=row["device_class"],
                scores=scores[first:end].astype("<f4").tobytes(),
                statuses=own,
                pairs_scored=own.count(PairStatus.SCORED),
                digest=row["digest"],
                signature=row["signature"],
                scored_at=row["scored_at"],
            ),
        )


def _statuses(column: pa.ChunkedArray) -> Any:
    """uint8, one a pair."""
    words = column.combine_chunks()
    codes = np.array([_CODES[word] for word in words.dictionary.to_pylist()], np.uint8)
    return codes[words.indices.to_numpy()]


def _firsts(table: pa.Table) -> list[int]:
    """The first row of each result."""
    numbers = table["result"].to_numpy()
    changes = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
    return [0, *changes.tolist()]
