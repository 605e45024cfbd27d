"""pool.json: what a demo pool says of itself, and whether that still holds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

POOL = "pool.json"
TRUTH = "truth.parquet"


class ShardEntry(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    pairs: int
    bytes: int
    sha256: str


class PoolDescription(msgspec.Struct, frozen=True, kw_only=True):
    """pool.json."""

    name: str
    title: str
    licence: str
    licence_url: str
    attribution: str
    safe: bool
    """No picture in it needs blurring."""
    maker: str
    """Of everything the pool was made from."""
    pairs: int
    counts: dict[str, int]
    shards: list[ShardEntry]
    truth_sha256: str


def read_pool(folder: Path) -> PoolDescription | None:
    """The description of a whole and unchanged pool, or None."""
    try:
        description = msgspec.json.decode((folder / POOL).read_bytes(), type=PoolDescription)
        for shard in description.shards:
            if sha256_of(folder / shard.path) != shard.sha256:
                return None
        if sha256_of(folder / TRUTH) != description.truth_sha256:
            return None
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    return description


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
