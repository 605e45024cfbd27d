"""Who may work: contributors are suspended, single devices quarantined, and both restored."""

from __future__ import annotations

from sqlalchemy.orm import Session

from server.contributors.models import ACTIVE, DELETED, QUARANTINED, SUSPENDED, Contributor, Device


def suspend(session: Session, contributor: str) -> None:
    """None of its devices gets work, and none may post results, until it is restored. One that was
    deleted stays so."""
    found = session.get_one(Contributor, contributor)
    if found.state != DELETED:
        found.state = SUSPENDED


def restore(session: Session, contributor: str) -> None:
    found = session.get_one(Contributor, contributor)
    if found.state == SUSPENDED:
        found.state = ACTIVE


def quarantine(session: Session, device: str) -> None:
    """This device alone."""
    session.get_one(Device, device).state = QUARANTINED


def release(session: Session, device: str) -> None:
    session.get_one(Device, device).state = ACTIVE


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
