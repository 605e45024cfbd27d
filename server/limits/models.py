"""What a client has used of a limit that all workers share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime


class Allowance(Base):
    """Nothing is kept about a client that has its whole burst again: its row may go."""

    __tablename__ = "allowance"

    client: Mapped[str] = mapped_column(String(100), primary_key=True)
    """What for and whose, such as "registration" and the name that a network has here."""
    free_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
