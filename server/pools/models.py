"""A pool, its shards, its units. Nothing per pair: a shard's pairs are in its index file."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from server.db import Base, Key, UtcTime

OPEN, LEASED, DONE = "open", "leased", "done"
Policy = Literal["audit", "replication"]
AUDIT: Literal["audit"] = "audit"
REPLICATION: Literal["replication"] = "replication"


class Pool(Base):
    __tablename__ = "pool"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    agent: Mapped[str] = mapped_column(String(64))
    bundle: Mapped[str] = mapped_column(String(32))
    """Every score of a pool comes from this one bundle."""
    title: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    attribution: Mapped[str] = mapped_column(Text)
    safe: Mapped[bool]
    policy: Mapped[Policy] = mapped_column(String(12), default=AUDIT, server_default=AUDIT)
    """How its results are checked: by a trusted machine that computes samples of them anew, or by
    other contributors who are given the same units. Only changed while nothing is pending."""
    paused: Mapped[bool] = mapped_column(server_default=false(), default=False)
    """None of its units is given out; what is leased goes on."""
    priority: Mapped[int] = mapped_column(server_default="0", default=0)
    """Of several pools the one with the highest is given out first."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class StoppedBundle(Base):
    """A bundle that no unit is given out for, whichever pool it is of."""

    __tablename__ = "stopped_bundle"

    bundle: Mapped[str] = mapped_column(String(32), primary_key=True)
    stopped_at: Mapped[datetime] = mapped_column(UtcTime)


class Shard(Base):
    """One tar, where it lies. `size` and `mtime_ns` are checked whenever it is opened."""

    __tablename__ = "shard"
    __table_args__ = (UniqueConstraint("pool_id", "name", name="uq_shard_pool_name"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[str] = mapped_column(String(100))
    path: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    pairs: Mapped[int]
    units: Mapped[int]
    pairs_done: Mapped[int] = mapped_column(default=0)
    units_done: Mapped[int] = mapped_column(default=0)
    set_aside: Mapped[bool] = mapped_column(server_default=false(), default=False)
    """In quarantine: none of its units is given out."""

    pool: Mapped[Pool] = relationship()


class Bucket(Base):
    """Where contributors get some of a pool's shards: `s3://NAME` or `gs://NAME`."""

    __tablename__ = "bucket"
    __table_args__ = (UniqueConstraint("pool_id", "url", name="uq_bucket_pool_url"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    url: Mapped[str] = mapped_column(String(300))


class ShardObject(Base):
    """A shard that contributors get from a bucket. `version`: see storage.Found."""

    __tablename__ = "shard_object"

    shard_id: Mapped[int] = mapped_column(ForeignKey("shard.id"), primary_key=True)
    bucket_id: Mapped[int] = mapped_column(ForeignKey("bucket.id"), index=True)
    url: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)


class Unit(Base):
    """`number` counts from 0 within the shard and is the row group of its pairs in the index."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("shard_id", "number", name="uq_unit_shard_number"),
        CheckConstraint("state IN ('open', 'leased', 'done')", name="state"),
        Index("ix_unit_pool_state", "pool_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    shard_id: Mapped[int] = mapped_column(ForeignKey("shard.id"))
    number: Mapped[int]
    first_pair: Mapped[int]
    pairs: Mapped[int]
    span_start: Mapped[int] = mapped_column(BigInteger)
    span_size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(8), default=OPEN)

    shard: Mapped[Shard] = relationship()
    pool: Mapped[Pool] = relationship()

    @property
    def name(self) -> str:
        """How messages and score tables call it."""
        return f"u{self.shard_id}-{self.number}"


class ShardFinding(Base):
    """How many pairs of a shard ingest found something wrong with: findings.py names the kinds."""

    __tablename__ = "shard_finding"

    shard_id: Mapped[int] = mapped_column(ForeignKey("shard.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    pairs: Mapped[int]


class HostFinding(Base):
    """The same by the host that pairs of a pool came from. Bounded, see findings.py."""

    __tablename__ = "host_finding"

    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    host: Mapped[str] = mapped_column(String(253), primary_key=True)
    """Empty for all that aren't kept by name."""
    pairs: Mapped[int] = mapped_column(BigInteger)


WITH_POOL = joinedload(Unit.shard).joinedload(Shard.pool)
"""An option of a query for units: their shard and pool come with them."""
