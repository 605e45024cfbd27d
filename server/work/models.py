"""A lease: one device's claim on one unit; and what is noted of units that want more results."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime

HELD, DONE, ABANDONED, EXPIRED = "held", "done", "abandoned", "expired"
DUE, WANTED, LEASED, ASIDE = "due", "wanted", "leased", "aside"
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
    copy: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    """How many results the unit had when this was claimed: more than 0 only for a copy."""
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


class Ballot(Base):
    """A unit of a pool under replication whose results haven't been decided about.

    due -> wanted -> leased -> due    nobody has counted its results; one more is wanted; is made
        -> aside                      so many contradicted each other that it has no scores
    """

    __tablename__ = "ballot"
    __table_args__ = (
        CheckConstraint("state IN ('due', 'wanted', 'leased', 'aside')", name="state"),
        Index("ix_ballot_state", "state", "pool_id", "opened_at"),
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    state: Mapped[str] = mapped_column(String(8), default=DUE)
    copies: Mapped[int] = mapped_column(SmallInteger, default=1)
    """Results that it has."""
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the lots by which the next copy is given out."""
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    """Since when that copy is wanted; of results to be counted, where they are in the line."""


class Voter(Base):
    """Who has posted a result for a unit that is undecided. The database itself refuses a second
    one of a contributor or of a network."""

    __tablename__ = "voter"
    __table_args__ = (UniqueConstraint("unit_id", "network", name="uq_voter_unit_network"),)

    unit_id: Mapped[int] = mapped_column(ForeignKey("ballot.unit_id"), primary_key=True)
    contributor_id: Mapped[str] = mapped_column(ForeignKey("contributor.id"), primary_key=True)
    network: Mapped[str | None] = mapped_column(String(32))
    """Where the lease was claimed from, as Lease.network has it; for this machine too there is a
    name. None: the unit was set aside, and nobody is given it any more."""
