"""Who has to wait for something other than work. Work doesn't know why: a domain above it says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dva_agent.protocol import Idle
from sqlalchemy.orm import Session

Gate = Callable[[Session, str, datetime], Idle | None]
"""Asked inside a claim's transaction, with the device: why it gets nothing now, or None."""


def open_to_all(session: Session, device: str, at: datetime) -> None:
    """A gate that keeps nobody out."""
    del session, device, at
