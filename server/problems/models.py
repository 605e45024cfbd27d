"""How often one code was answered in one hour. Few rows: codes are few, and old hours go."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime


class ProblemCount(Base):
    __tablename__ = "problem_count"

    hour: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    """When it began."""
    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    answers: Mapped[int]
