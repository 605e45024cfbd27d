"""What is known of a device by what others made of the same units."""

from __future__ import annotations

from sqlalchemy import ForeignKey
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
