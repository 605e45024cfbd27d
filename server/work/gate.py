"""Who has to wait for something other than work. Work doesn't know why: a domain above it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from dva_agent.protocol import MAX_LEASES, Idle
from sqlalchemy.orm import Session


class Room(NamedTuple):
    """How many more leases a device may have at this moment: at least 1, or 0 and why."""

    leases: int
    idle: Idle | None = None


class Asking(NamedTuple):
    """A device that wants units, and how many leases it holds. `audited`: whether auditors decide
    about any of the pools that it may be given units of."""

    device: str
    held: int
    audited: bool


Counter = Callable[[datetime], None]
"""Called, outside of any transaction, when a result has come that is to be counted beside others of
its unit, and where no work is found: a count may have been missed."""
Gate = Callable[[Session, Asking, datetime], Room]
"""Asked inside a claim's transaction."""


def open_to_all(session: Session, asking: Asking, at: datetime) -> Room:
    """A gate that keeps nobody out."""
    del session, asking, at
    return Room(MAX_LEASES)
