"""A result: one living row a unit and copy, its scores one blob."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, Key, UtcTime
from server.pools.services import AUDIT, Policy

PENDING, CONFIRMED, REJECTED, REVOKED = "pending", "confirmed", "rejected", "revoked"
_PENDING = text("state = 'pending'")
_UNDRAWN = text("state = 'pending' AND NOT drawn")
_LIVING = text("state IN ('pending', 'confirmed')")
PENDING_ONLY = text("result.state = 'pending'")
LIVING = text("result.state IN ('pending', 'confirmed')")
UNDRAWN = text("result.state = 'pending' AND NOT result.drawn")
"""For queries: a database uses a partial index where it reads the very condition."""


class Result(Base):
    """`id` counts in the order of arrival. The database itself refuses a second living result for
    a unit and copy; those that were rejected or revoked stay beside it as evidence.

    pending -> confirmed -> revoked
            -> rejected
    """

    __tablename__ = "result"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'confirmed', 'rejected', 'revoked')", name="state"),
        Index(
            "uq_result_living_unit",
            "unit_id",
            "copy",
            unique=True,
            sqlite_where=_LIVING,
            postgresql_where=_LIVING,
        ),
        Index(
            "ix_result_pending_device",
            "device_id",
            "id",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_result_device_id", "device_id", "id"),
        Index("ix_result_undrawn", "id", sqlite_where=_UNDRAWN, postgresql_where=_UNDRAWN),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    lease_id: Mapped[str] = mapped_column(ForeignKey("lease.id"), unique=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    copy: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """0: the one whose scores are the unit's. Others bear it out, or contradict it."""
    policy: Mapped[Policy] = mapped_column(String(12), default=AUDIT, server_default=AUDIT)
    """The pool's when it came: who decides about it."""
    state: Mapped[str] = mapped_column(String(12), default=PENDING)
    drawn: Mapped[bool] = mapped_column(server_default=false(), default=False)
    """Whether the coin was thrown that says if it is audited."""
    bundle: Mapped[str] = mapped_column(String(32))
    rung: Mapped[str] = mapped_column(String(16))
    device_class: Mapped[str] = mapped_column(String(200))
    scores: Mapped[bytes] = mapped_column(LargeBinary)
    """float32 little-endian, for each pair one for each of the agent's columns."""
    statuses: Mapped[bytes] = mapped_column(LargeBinary)
    """uint8, one a pair: PairStatus."""
    pairs_scored: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    """sha256 of what was posted, to know a repetition from a contradiction."""
    signature: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The device key's, over statements.of_result with the scores as they were posted. None: the
    device had no key."""
    scored_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class BrokenPairs(Base):
    """How many pairs of a shard ended with a status other than `scored`: counted as results come,
    since a look into every result's statuses would read as many bytes as the pool has pairs."""

    __tablename__ = "broken_pairs"

    shard_id: Mapped[int] = mapped_column(
        ForeignKey("shard.id"), primary_key=True, autoincrement=False
    )
    status: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """PairStatus."""
    pairs: Mapped[int]


class CompactedShard(Base):
    """A finished shard whose confirmed results, with their leases and audits, are in a file:
    `data`/scores/POOL/SHARD.parquet. What was rejected or revoked there stays in its table."""

    __tablename__ = "compacted_shard"

    shard_id: Mapped[int] = mapped_column(
        ForeignKey("shard.id"), primary_key=True, autoincrement=False
    )
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the file."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    results: Mapped[int]
    """Of its units, one each: those that others only bore out don't count."""
    results_audited: Mapped[int]
    pairs_audited: Mapped[int]
    """Those of them that passed audits looked at."""
    audits: Mapped[int]
    """Decided ones that were drawn by lot: all of them have passed."""
    last_audit: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The number of the newest audit in the file."""
    made_at: Mapped[datetime] = mapped_column(UtcTime)
