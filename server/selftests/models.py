"""The latest self-test of each device on each rung of each bundle."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime


class SelfTest(Base):
    """A device has a row for each bundle and rung that it ever tried, and no more."""

    __tablename__ = "self_test"
    __table_args__ = (Index("ix_self_test_card", "card", "browser", "rung"),)

    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    bundle: Mapped[str] = mapped_column(String(32), primary_key=True)
    rung: Mapped[str] = mapped_column(String(20), primary_key=True)
    passed: Mapped[bool]
    tested_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    device_class: Mapped[str] = mapped_column(String(200))
    """As the device calls it; a result from another one wasn't tested."""
    agent_version: Mapped[str] = mapped_column(String(200))
    card: Mapped[str] = mapped_column(String(40))
    """What the public table calls it: see cards.py."""
    browser: Mapped[str] = mapped_column(String(16))
    passes: Mapped[int]
    failures: Mapped[int]
    """How often it came out either way."""
