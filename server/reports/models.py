"""A reported pair, and who reported it. A row only for what was reported: every other pair of a
pool stays out of the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, Key, UtcTime

WITHHELD, CONFIRMED, RESTORED = "withheld", "confirmed", "restored"


class ReportedPair(Base):
    """One pair that was reported at least once."""

    __tablename__ = "reported_pair"
    __table_args__ = (
        UniqueConstraint("unit_id", "position", name="uq_reported_pair_unit_position"),
        CheckConstraint("state IN ('withheld', 'confirmed', 'restored')", name="state"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    position: Mapped[int]
    """Counted from 0 within the unit."""
    uid: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), default=WITHHELD)
    reported_at: Mapped[datetime] = mapped_column(UtcTime)
    """The first time."""
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When an operator confirmed or restored it, the last time."""
    takedown_id: Mapped[int | None] = mapped_column(ForeignKey("takedown.id"), index=True)
    """What took it down, if it isn't a report that did, or not only."""


class Takedown(Base):
    """An operator's order that a pair, a picture or a host's pairs be gone from all pools. Kept: it
    is the record of who wanted it and why, and shards that come later are held to it."""

    __tablename__ = "takedown"
    __table_args__ = (UniqueConstraint("kind", "value", name="uq_takedown_kind_value"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    value: Mapped[str] = mapped_column(String(253))
    why: Mapped[str] = mapped_column(Text)
    ordered_by: Mapped[str] = mapped_column(String(100))
    ordered_at: Mapped[datetime] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When every shard that there was had been looked through; None: that was broken off, or one
    couldn't be read."""


class Report(Base):
    """What one device said of one pair. Kept: it is the record of why a pair is gone."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("pair_id", "device_id", name="uq_report_pair_device"),
        Index("ix_report_device_time", "device_id", "reported_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("reported_pair.id"))
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    reason: Mapped[str] = mapped_column(String(10))
    reported_at: Mapped[datetime] = mapped_column(UtcTime)
