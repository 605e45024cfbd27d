"""Shards that contributors get from their bucket, by URLs that are signed when they are asked for.

The copy stays: auditors, the workbench and new shards read it, and it is what is served whenever
the bucket doesn't have the very object that was taken in, or can't be asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import msgspec
from dva_agent.origin import origin_of
from dva_agent.protocol import PoolStatus
from sqlalchemy import delete, exists, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.db import Database, insert_once
from server.errors import PoolError
from server.pools.models import Bucket, Pool, Shard, ShardObject
from server.pools.storage import Found, Storage

SIGNED_FOR = timedelta(minutes=5)
REUSED_S = 60.0
"""An object is looked at, and its URL signed, so often; the URL is good for long enough after."""
ANSWERS_WITHIN = "5 s"
TRIES = 1
SLOW_S = 2.0
"""A bucket that takes longer to fail isn't asked about anything for REUSED_S: each question holds a
thread."""
MOST = 4096
"""Addresses kept at a time."""
LOOKED_UP_S = 10.0
log = logging.getLogger(__name__)


def give_from(session: Session, shard: Shard, found: Found) -> None:
    """From now on contributors get it there. The shard is stored, and its copy is this object."""
    parts = urlsplit(found.url)
    named = {"pool_id": shard.pool_id, "url": f"{parts.scheme}://{parts.netloc}"}
    insert_once(session, Bucket, **named)
    bucket = session.scalars(select(Bucket.id).filter_by(**named)).one()
    session.merge(
        ShardObject(shard_id=shard.id, bucket_id=bucket, url=found.url, version=found.version)
    )


def give_here(session: Session, shard: Shard) -> None:
    """From now on contributors get the copy."""
    session.execute(delete(ShardObject).where(ShardObject.shard_id == shard.id))
    unused = ~exists().where(ShardObject.bucket_id == Bucket.id)
    session.execute(delete(Bucket).where(Bucket.pool_id == shard.pool_id, unused))


def object_of(session: Session, shard: Shard) -> Found | None:
    """Where contributors get it; None: here."""
    row = session.get(ShardObject, shard.id)
    return Found(url=row.url, size=shard.size, version=row.version) if row else None


def sample(session: Session) -> list[tuple[str, str, Path, Found]]:
    """Of each bucket its pool, its URL, and of a shard that contributors get there the copy and the
    object."""
    found = []
    for bucket in session.scalars(select(Bucket).order_by(Bucket.id)):
        query = select(ShardObject.shard_id).where(ShardObject.bucket_id == bucket.id).limit(1)
        shard = session.get_one(Shard, session.scalars(query).one())
        there = object_of(session, shard)
        assert there is not None
        found.append((shard.pool.name, bucket.url, Path(shard.path), there))
    return found


def with_hosts(
    statuses: Sequence[PoolStatus], origins: Mapping[str, Sequence[str]]
) -> list[PoolStatus]:
    """The same, with who else sees those that work on them."""
    return [
        msgspec.structs.replace(status, hosts=[urlsplit(each).netloc for each in found])
        if (found := origins.get(status.pool)) and "images" in status.needs
        else status
        for status in statuses
    ]


class Buckets:
    """One for each worker. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._storage = Storage(timeout=ANSWERS_WITHIN, retries=TRIES)
        self._addresses: dict[Found, tuple[float, str | None]] = {}
        self._resting: dict[str, float] = {}
        self._reading = threading.Lock()
        self._good_until = 0.0
        self._origins: dict[str, list[str]] = {}
        self._known: dict[str, str] = {}

    def address(self, found: Found) -> str | None:
        """A URL by which anybody may GET the object for some minutes; None where it isn't what was
        taken in any more, or the bucket can't be asked: that is logged."""
        until, address = self._addresses.get(found, (0.0, None))
        began, place = monotonic(), urlsplit(found.url).netloc
        if began < until:
            return address
        if began < self._resting.get(place, 0.0):
            return None
        try:
            there = self._storage.find(found.url)
            address = self._storage.sign(found.url, SIGNED_FOR) if there == found else None
            if address is None:
                log.error("%s is another object than the one that was taken in.", found.url)
        except PoolError as error:
            log.error("%s", error)
            address = None
            if monotonic() - began >= SLOW_S:
                self._resting[place] = monotonic() + REUSED_S
        if len(self._addresses) >= MOST:
            self._addresses.clear()
        self._addresses[found] = monotonic() + REUSED_S, address
        return address

    def origins(self) -> Mapping[str, Sequence[str]]:
        """By pool, those that its shards come from beside this server. As known some seconds ago:
        but for the first time, who asks doesn't wait for who is looking."""
        if monotonic() >= self._good_until and self._reading.acquire(blocking=not self._good_until):
            try:
                if monotonic() >= self._good_until:
                    self._look_up()
            finally:
                self._reading.release()
        return self._origins

    def _look_up(self) -> None:
        try:
            with self._database.read() as session:
                query = select(Pool.name, Bucket.url).join(Bucket, Bucket.pool_id == Pool.id)
                rows = [(row.name, row.url) for row in session.execute(query)]
            self._origins = self._by_pool(rows)
        except SQLAlchemyError as error:
            log.warning("Which buckets there are can't be read: %s", error)
        self._good_until = monotonic() + LOOKED_UP_S

    def all_origins(self) -> str:
        """Those of all pools, as a policy lists them; empty: none but this server."""
        return " ".join(sorted({each for found in self.origins().values() for each in found}))

    def _by_pool(self, rows: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for pool, url in sorted(rows):
            try:
                if url not in self._known:
                    self._known[url] = origin_of(self._storage.sign(f"{url}/x", SIGNED_FOR))
            except (PoolError, ValueError) as error:
                log.error("%s", error)
                continue
            found.setdefault(pool, []).append(self._known[url])
        return {pool: sorted(set(origins)) for pool, origins in found.items()}
