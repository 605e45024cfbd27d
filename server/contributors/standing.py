"""Names of contributors and devices, and how they stand, for operators."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.contributors.models import ACTIVE, Contributor, Device


def owner_of(session: Session, device: str) -> str | None:
    """Whose device it is; None if there is no such device."""
    found = session.get(Device, device)
    return None if found is None else found.contributor_id


def is_known(session: Session, contributor: str) -> bool:
    return session.get(Contributor, contributor) is not None


def state_of(session: Session, device: str) -> str:
    """The contributor's state, and where that is active, the device's own."""
    found = session.get_one(Device, device)
    return found.state if found.contributor.state == ACTIVE else found.contributor.state
