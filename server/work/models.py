"""A lease: one device's claim on one unit."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime

HELD, DONE, ABANDONED, EXPIRED = "held", "done", "abandoned", "expired"
_HELD = text("state = 'held'")
CAME_TO_NOTHING = text("state IN ('abandoned', 'expired')")
"""As text, for queries too: a database uses a partial index where it reads the very condition."""


class Lease(Base):
    __tablename__ = "lease"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'done', 'abandoned', 'expired')", name="state"),
        # The database itself refuses a second claim on a unit.
        Index(
            "uq_lease_held_unit",
            "unit_id",
            unique=True,
            sqlite_where=_HELD,
            postgresql_where=_HELD,
        ),
        Index("ix_lease_held_deadline", "deadline", sqlite_where=_HELD, postgresql_where=_HELD),
        Index(
            "ix_lease_ended_deadline",
            "deadline",
            sqlite_where=CAME_TO_NOTHING,
            postgresql_where=CAME_TO_NOTHING,
        ),
        Index("ix_lease_held_device", "device_id", sqlite_where=_HELD, postgresql_where=_HELD),
        Index("ix_lease_held_network", "network", sqlite_where=_HELD, postgresql_where=_HELD),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"))
    state: Mapped[str] = mapped_column(String(12), default=HELD)
    claimed_at: Mapped[datetime] = mapped_column(UtcTime)
    deadline: Mapped[datetime] = mapped_column(UtcTime)
    brought_by: Mapped[str | None] = mapped_column(ForeignKey("lease.id"), index=True)
    """The lease whose result brought this one, so that a repeated result brings it again."""
    request: Mapped[str | None] = mapped_column(String(32))
    """The LeaseRequest.request that it was granted for, so that a repetition gets it again. Looked
    for only among the few leases that its device holds."""
    network: Mapped[str | None] = mapped_column(String(32))
    """Where it was claimed from, as a name that only the server's secret makes. For the cap on a
    network's leases, and gone with the lease's end. None: this machine."""
