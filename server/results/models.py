"""A result: one row a unit, its scores one blob."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime

ACCEPTED = "accepted"


class Result(Base):
    """The unit is the key: the database itself refuses a second result for it."""

    __tablename__ = "result"
    __table_args__ = (CheckConstraint("state IN ('accepted')", name="state"),)

    unit_id: Mapped[int] = mapped_column(
        ForeignKey("unit.id"), primary_key=True, autoincrement=False
    )
    lease_id: Mapped[str] = mapped_column(ForeignKey("lease.id"), unique=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    state: Mapped[str] = mapped_column(String(12), default=ACCEPTED)
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
