"""What was broken off. None of it is served or counted, and its command goes on with it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.compaction.services import FORMER_KEPT, LEFT_OVER_S
from server.config import Settings
from server.doctor import data
from server.doctor.finding import Finding, ok, some, warning
from server.pools import bundles
from server.pools import services as pools
from server.pools.files import copies_path, index_path
from server.reports import takedowns
from server.results import compacted

RUNS_S = 3600.0
"""What is younger may be the work of a command that runs."""


def unfinished(settings: Settings) -> list[Finding]:
    """Takedowns, copies of bundles, ingests and compactions. Nothing where the database can't be
    read, or is older: that has been said."""
    if data.is_new(settings):
        return []
    try:
        with data.reading(settings) as session:
            return [
                *_takedowns(session),
                *_bundles(settings),
                *_ingests(session, settings),
                *_compactions(session, settings),
            ]
    except SQLAlchemyError:
        return []


def _takedowns(session: Session) -> Iterator[Finding]:
    orders = takedowns.listed(session)
    left = [f"{each.kind} {each.value}" for each in orders if each.done_at is None]
    if left:
        yield warning(
            "takedowns",
            f"{len(left)} of {len(orders)} haven't been through every shard: {some(left)}.",
            "Unless one runs now, repeat the command: dva takedown --list has them.",
        )
    elif orders:
        yield ok("takedowns", f"{len(orders)}, each through every shard")


def _bundles(settings: Settings) -> Iterator[Finding]:
    if left := bundles.broken_off(settings.bundles, RUNS_S):
        yield warning(
            "bundles",
            f"{len(left)} of no bundle, from copies that were broken off: "
            f"{some([path.name for path in left])}.",
            f"Unless dva ingest runs now, delete them in {settings.bundles}; the next one deletes "
            "what is older than a day.",
        )


def _ingests(session: Session, settings: Settings) -> Iterator[Finding]:
    """Shards with an index or a copy, or part of one, that aren't in."""
    known = {pool.name: pool for pool in pools.every(session)}
    folders = [*settings.pools.glob("*"), *copies_path(settings, "x").parent.glob("*")]
    for name in sorted({folder.name for folder in folders if folder.is_dir()}):
        index, copies = index_path(settings, name, "x").parent, copies_path(settings, name)
        here = _older(
            RUNS_S, index.glob("*.parquet*"), copies.glob("*.tar"), copies.glob(".*.tar.partial")
        )
        shards = {
            path.name.lstrip(".").removesuffix(".partial").rpartition(".")[0] for path in here
        }
        if name in known and shards:
            shards -= {shard.name for shard in pools.shards_of(session, known[name])}
        if shards:
            yield warning(
                f"ingest of {name}",
                f"{len(shards)} shards were to be taken in and aren't: {some(sorted(shards))}.",
                "Unless it runs now, repeat dva ingest; or delete their files in "
                f"{index} and {copies}.",
            )


def _compactions(session: Session, settings: Settings) -> Iterator[Finding]:
    left = list(_older(LEFT_OVER_S, settings.scores.glob("*/.*.partial")))
    for pool in pools.every(session):
        rows = {shard.name for shard, _ in compacted.compacted(session, pool)}
        files = _older(
            FORMER_KEPT.total_seconds(), (settings.scores / pool.name).glob("[!.]*.parquet")
        )
        left += [path for path in files if path.stem not in rows]
    if left:
        yield warning(
            "compaction",
            f"{len(left)} files of no compacted shard, from one that was broken off or undone: "
            f"{some(sorted(str(path.relative_to(settings.scores)) for path in left))}.",
            "Nothing is lost. The next dva compact goes on with them; or delete them.",
        )


def _older(seconds: float, *found: Iterable[Path]) -> Iterator[Path]:
    end = time.time() - seconds
    for paths in found:
        for path in paths:
            try:
                if path.stat().st_mtime < end:
                    yield path
            except FileNotFoundError:
                continue  # A command runs.
