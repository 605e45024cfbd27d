"""What is known of a device by what others made of the same units, and of units by how often no
majority came of them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base


class Record(Base):
    __tablename__ = "replication_record"

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    agreed: Mapped[int] = mapped_column(default=0)
    """Results that others bore out since it was last outvoted; those that were believed alone don't
    count."""
    outvoted: Mapped[int] = mapped_column(default=0)
    """Results, ever."""


class Contradicted(Base):
    """A unit of which as many results as it may have contradicted each other."""

    __tablename__ = "contradicted_unit"

    unit_id: Mapped[int] = mapped_column(
        ForeignKey("unit.id"), primary_key=True, autoincrement=False
    )
    rounds: Mapped[int] = mapped_column(SmallInteger, default=0)
    """How often, since it was last given out as if nobody had had it."""
