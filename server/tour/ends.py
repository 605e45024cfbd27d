"""The two ends of a scored pool: the pairs that score highest and those that score lowest."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from dva_agent.protocol import Span

from server.config import Settings
from server.db import Database
from server.pools import services as pools
from server.pools.services import Shard
from server.selection.scores import shard_scores


@dataclass(frozen=True, kw_only=True)
class ShownPair:
    uid: str
    score: float
    """Cosine similarity in [-1, 1]."""
    caption: str
    image: bytes
    """As it lies in the shard: JPEG, PNG or WebP."""


def ends(
    database: Database, settings: Settings, *, pool: str, count: int
) -> tuple[list[ShownPair], list[ShownPair]]:
    """The `count` best pairs, best first, and the `count` worst, worst first; ties by uid. Needs
    the memory of one shard's scores. Raises PoolError."""
    with database.read() as session:
        found = pools.get_pool(session, pool)
        shards = pools.shards_of(session, found)
    best: list[_Row] = []
    worst: list[_Row] = []
    for number, shard in enumerate(shards):
        for table in shard_scores(database, settings, shard):
            uids, scores = table["uid"].to_pylist(), table["score"].to_pylist()
            rows = [
                _Row(score, uid, number)
                for uid, score in zip(uids, scores, strict=True)
                if score is not None
            ]
            best = heapq.nlargest(count, [*best, *rows])
            worst = heapq.nsmallest(count, [*worst, *rows])
    wanted = {(row.shard, row.uid) for row in (*best, *worst)}
    shown = {
        key: pair
        for number, shard in enumerate(shards)
        for key, pair in _pairs(settings, shard, number, wanted)
    }
    return _paired(best, shown), _paired(worst, shown)


class _Row(NamedTuple):
    """In the order of the score, then of the uid."""

    score: float
    uid: str
    shard: int


_Key = tuple[int, str]
_Found = tuple[str, bytes]


def _pairs(
    settings: Settings, shard: Shard, number: int, wanted: set[_Key]
) -> Iterator[tuple[_Key, _Found]]:
    """Caption and picture of those pairs of the shard that are wanted."""
    with pools.checked_path(shard).open("rb") as tar:
        for pair in pools.shard_pairs(settings, shard):
            key = (number, pair.uid)
            if key in wanted and pair.image and pair.caption:
                caption = _read(tar, pair.caption).decode(errors="replace")
                yield key, (caption, _read(tar, pair.image))


def _read(tar: BinaryIO, span: Span) -> bytes:
    tar.seek(span.start)
    return tar.read(span.size)


def _paired(rows: list[_Row], found: Mapping[_Key, _Found]) -> list[ShownPair]:
    return [
        ShownPair(uid=row.uid, score=row.score, caption=caption, image=image)
        for row in rows
        for caption, image in (found[row.shard, row.uid],)
    ]
