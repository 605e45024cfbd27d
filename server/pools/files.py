"""A pool's files: where they lie, and what is read from them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from dva_agent.packed import MOST, pack
from dva_agent.protocol import PairRef

from server.config import Settings
from server.pools.beside import TRUTH
from server.pools.index import read_metadata, read_unit
from server.pools.models import Shard, Unit
from server.refusals import ShardUnavailable


def index_path(settings: Settings, pool: str, shard: str) -> Path:
    return settings.pools / pool / "index" / f"{shard}.parquet"


def copies_path(settings: Settings, pool: str) -> Path:
    """Where shards that were named by URL are kept."""
    return settings.data / "shards" / pool


def uids_path(settings: Settings, pool: str) -> Path:
    return settings.data / "uids" / pool


def truth_path(settings: Settings, pool: str) -> Path:
    return settings.pools / pool / TRUTH


def checked_path(shard: Shard) -> Path:
    """Where the tar lies. Raises ShardUnavailable if it isn't the file that was ingested: its
    offsets would point into something else."""
    path = Path(shard.path)
    try:
        found = path.stat()
    except OSError as error:
        raise ShardUnavailable(f"The shard {shard.name} can't be read.") from error
    if (found.st_size, found.st_mtime_ns) != (shard.size, shard.mtime_ns):
        raise ShardUnavailable(f"The shard {shard.name} has changed since it was ingested.")
    return path


def read_captions(unit: Unit, pairs: Sequence[PairRef]) -> bytes:
    """The captions of the unit's `pairs`, as dva_agent.packed has them. Raises
    ShardUnavailable."""
    with checked_path(unit.shard).open("rb") as file:
        return pack([_caption(file.fileno(), pair) for pair in pairs])


def _caption(file: int, pair: PairRef) -> bytes | None:
    span = pair.caption
    return None if span is None else os.pread(file, min(span.size, MOST), span.start)


def unit_pairs(settings: Settings, unit: Unit) -> list[PairRef]:
    path = index_path(settings, unit.shard.pool.name, unit.shard.name)
    return read_unit(path, unit.number)


def unit_metadata(settings: Settings, unit: Unit) -> pa.Table:
    """What is known of the unit's pairs, in their order: the columns of metadata.py."""
    path = index_path(settings, unit.shard.pool.name, unit.shard.name)
    return read_metadata(path, unit.number)


def shard_pairs(settings: Settings, shard: Shard) -> Iterator[PairRef]:
    """All pairs of a shard, in its order."""
    path = index_path(settings, shard.pool.name, shard.name)
    for number in range(shard.units):
        yield from read_unit(path, number)
