"""Deadlines that come at once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from server.db import Database, now
from server.work.models import Lease


def let_pass(database: Database, lease: str) -> None:
    """The lease's deadline comes."""
    with database.write() as session:
        past = now() - timedelta(seconds=1)
        session.execute(update(Lease).where(Lease.id == lease).values(deadline=past))
