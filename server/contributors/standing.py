"""Names of contributors and devices, and how they stand, for operators."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, SQLColumnExpression, select
from sqlalchemy.orm import Session

from server.contributors.models import ACTIVE, SUSPENDED, Contributor, Device


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


def is_suspended(session: Session, contributor: str) -> bool:
    return session.get_one(Contributor, contributor).state == SUSPENDED


OWNER, NETWORK = Device.contributor_id, Device.network
"""NETWORK: None if it isn't known, or this machine."""


def with_owner(query: Select[Any], device: SQLColumnExpression[str]) -> Select[Any]:
    """A query that may name OWNER and NETWORK of the devices in this column."""
    return query.join(Device, Device.id == device)


def owners_of(session: Session, devices: Collection[str]) -> set[str]:
    """Whose devices they are."""
    return set(session.scalars(select(OWNER).where(Device.id.in_(devices))))


def class_of(session: Session, device: str) -> str:
    """What the device says it is."""
    return session.get_one(Device, device).device_class


def excuse(session: Session, device: str) -> None:
    """What was found wrong with its work wasn't its fault: it may take as much as anybody."""
    session.get_one(Device, device).quota = None
