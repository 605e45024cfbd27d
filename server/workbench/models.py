"""Jobs of the workbench, each a process of its own, and the selections that some of them cut."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.db import Base, Key, UtcTime
from server.pools.services import Pool
from server.results.standing import Standing
from server.selection.cut import Rule

SNAPSHOT: Literal["snapshot"] = "snapshot"
CUT: Literal["cut"] = "cut"
COUNT: Literal["count"] = "count"
"""What filters leave of a snapshot, or how much another selection shares with that."""
Kind = Literal["snapshot", "cut", "count"]
RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
_RUNNING = text("state = 'running'")


class Job(Base):
    """The database itself refuses a second of a kind for a pool while one runs.

    running -> done | failed | stopped
    """

    __tablename__ = "workbench_job"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done', 'failed', 'stopped')", name="state"),
        Index(
            "uq_workbench_job_running",
            "pool_id",
            "kind",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
        Index("ix_workbench_job_pool_id", "pool_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    kind: Mapped[Kind] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default=RUNNING)
    account: Mapped[str] = mapped_column(String(40))
    """Who asked for it, by the name, which outlives the account."""
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    """When its process last said that it is there."""
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    steps_done: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    """0: not known yet."""
    asked: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    """What a count is of: a JSON object, the query of the page that shows it."""
    stop_asked: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    code: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(Text)
    """Why it failed."""

    pool: Mapped[Pool] = relationship()

    @property
    def query(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.asked)
        return found


class Selection(Base):
    """What a cut was asked for, and what it came to. The files lie in the data folder."""

    __tablename__ = "selection"

    job_id: Mapped[int] = mapped_column(ForeignKey("workbench_job.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    rule: Mapped[Rule] = mapped_column(String(12))
    value: Mapped[float]
    standing: Mapped[Standing] = mapped_column(String(12))
    filters: Mapped[str] = mapped_column(Text, default="{}")
    """A JSON object: options of `dva select` and their values."""
    scored: Mapped[int | None] = mapped_column(BigInteger)
    members: Mapped[int | None] = mapped_column(BigInteger)
    threshold: Mapped[float | None]
    digest: Mapped[str | None] = mapped_column(String(64), index=True)
    """The certificate's."""
    published_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)

    job: Mapped[Job] = relationship()

    @property
    def left_out(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.filters)
        return found
