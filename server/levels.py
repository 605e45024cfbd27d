"""How things stand, for the history: asked of the domains that know."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.history.services import Levels
from server.trust.load import backlog_pairs
from server.work import services as work

ACTIVE = timedelta(minutes=10)
"""Who was seen within it is at work now."""


def levels(session: Session, at: datetime) -> Levels:
    """Counted in indexes, whatever the size of the pools."""
    return Levels(
        leases=work.count_held(session),
        backlog_pairs=backlog_pairs(session),
        devices=contributors.count_devices(session, at - ACTIVE),
        contributors=contributors.count_contributors(session, at - ACTIVE),
    )
