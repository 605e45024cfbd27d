"""Contributors, and their devices."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from dva_agent.protocol import KeyAlgorithm
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.db import Base, UtcTime

ContributorState = Literal["active", "suspended", "deleted"]

ACTIVE: Literal["active"] = "active"
SUSPENDED: Literal["suspended"] = "suspended"
DELETED: Literal["deleted"] = "deleted"
QUARANTINED = "quarantined"
_AWAY, _TOLD = text("network IS NOT NULL"), text("device_class <> ''")
AWAY, TOLD = text("device.network IS NOT NULL"), text("device.device_class <> ''")
"""For queries: a database uses a partial index where it reads the very condition."""


class Contributor(Base):
    """A person's account key, of which anybody may have as many as they like."""

    __tablename__ = "contributor"
    __table_args__ = (CheckConstraint("state IN ('active', 'suspended', 'deleted')", name="state"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Made from the public key, so that it is the same wherever that person comes."""
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Ed25519. None: deleted, or the one that stands for everybody who came before there were
    keys."""
    display_name: Mapped[str | None] = mapped_column(String(40))
    payout: Mapped[str | None] = mapped_column(String(128))
    """Where an outside payout of the credit goes."""
    state: Mapped[ContributorState] = mapped_column(String(12), default=ACTIVE)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Device(Base):
    """One browser or machine."""

    __tablename__ = "device"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'quarantined')", name="state"),
        Index("ix_device_away", "last_seen_at", sqlite_where=_AWAY, postgresql_where=_AWAY),
        Index("ix_device_told", "last_seen_at", sqlite_where=_TOLD, postgresql_where=_TOLD),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    contributor_id: Mapped[str] = mapped_column(ForeignKey("contributor.id"), index=True)
    key_algorithm: Mapped[KeyAlgorithm | None] = mapped_column(String(8))
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    """None: its contributor is deleted, or it came before there were keys. It can't sign in."""
    certificate: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The account key's signature over statements.of_device: kept as proof that it was agreed."""
    state: Mapped[str] = mapped_column(String(12), default=ACTIVE)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    platform: Mapped[str] = mapped_column(String(16))
    device_class: Mapped[str] = mapped_column(String(200))
    agent_version: Mapped[str] = mapped_column(String(200))
    network: Mapped[str | None] = mapped_column(String(32))
    """Where it registered last, as a name that only the server's secret makes: the devices of one
    network count once when a kind of device is judged. None: this machine, or forgotten."""
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime, server_default="0", index=True)
    """When it last asked for something; exact to a minute, so that few requests write it."""
    quota: Mapped[int | None]
    """Units a day; None: as many as the operator allows anybody. See quota.py."""
    taken_on: Mapped[int | None]
    """The day, in days since 1970, that `taken` counts for."""
    taken: Mapped[int | None]

    contributor: Mapped[Contributor] = relationship(lazy="joined", innerjoin=True)
