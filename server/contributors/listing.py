"""Contributors and devices, as operators look for them: by a part of a name, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from server.contributors.models import (
    ACTIVE,
    QUARANTINED,
    SUSPENDED,
    Contributor,
    ContributorState,
    Device,
)

DeviceState = Literal["active", "suspended", "quarantined", "revoked"]
CONTRIBUTOR_STATES: Sequence[ContributorState] = get_args(ContributorState)
DEVICE_STATES: Sequence[DeviceState] = get_args(DeviceState)


@dataclass(frozen=True, kw_only=True)
class Person:
    id: str
    name: str | None
    state: ContributorState
    created_at: datetime
    devices: int
    last_seen_at: datetime | None
    payout: str | None


@dataclass(frozen=True, kw_only=True)
class Machine:
    id: str
    contributor: str
    name: str | None
    """Its contributor's."""
    state: str
    """The contributor's, where that isn't active; then revoked, quarantined or active."""
    platform: str
    device_class: str
    agent_version: str
    created_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None


def people(
    session: Session, *, search: str, state: str, first: int, count: int
) -> tuple[list[Person], int]:
    """`count` of them from the one numbered `first` on, those who came last first, and how many
    there are. `search`: a part of the name, or how the number of the contributor or of one of
    their devices begins; `state`: "" for any."""
    where = _people_where(search, state)
    found = session.scalars(
        select(Contributor)
        .where(*where)
        .order_by(Contributor.created_at.desc(), Contributor.id)
        .offset(first)
        .limit(count)
    ).all()
    total = session.scalar(select(func.count()).select_from(Contributor).where(*where)) or 0
    return _persons(session, found), total


def person(session: Session, contributor: str) -> Person | None:
    found = session.get(Contributor, contributor)
    return None if found is None else _persons(session, [found])[0]


def machines(
    session: Session, *, search: str, state: str, first: int, count: int
) -> tuple[list[Machine], int]:
    """As `people`, those that were seen last first. `search`: a part of what the device says it is,
    or how its number or its contributor's begins."""
    where: list[ColumnElement[bool]] = []
    if search:
        where.append(
            or_(
                Device.id.startswith(search, autoescape=True),
                Device.contributor_id.startswith(search, autoescape=True),
                Device.device_class.icontains(search, autoescape=True),
            )
        )
    if state == "revoked":
        where.append(Device.revoked_at.is_not(None))
    elif state == SUSPENDED:
        where.append(Contributor.state == SUSPENDED)
    elif state in (ACTIVE, QUARANTINED):
        where += [Device.state == state, Contributor.state == ACTIVE, Device.revoked_at.is_(None)]
    rows = session.scalars(
        select(Device)
        .join(Device.contributor)
        .where(*where)
        .order_by(Device.last_seen_at.desc(), Device.id)
        .offset(first)
        .limit(count)
    )
    total = select(func.count()).select_from(Device).join(Device.contributor).where(*where)
    return [_machine(row) for row in rows], session.scalar(total) or 0


def machine(session: Session, device: str) -> Machine | None:
    found = session.get(Device, device)
    return None if found is None else _machine(found)


def machines_of(session: Session, contributor: str, limit: int) -> list[Machine]:
    """Those that were seen last first."""
    rows = session.scalars(
        select(Device)
        .where(Device.contributor_id == contributor)
        .order_by(Device.last_seen_at.desc(), Device.id)
        .limit(limit)
    )
    return [_machine(row) for row in rows]


def revoke(session: Session, device: str, at: datetime) -> bool:
    """The device is let in no more; what it has posted stays. False if it was revoked already."""
    found = session.get_one(Device, device, with_for_update={"key_share": True, "of": Device})
    if found.revoked_at is not None:
        return False
    found.revoked_at = at
    return True


def _people_where(search: str, state: str) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if search:
        owners = select(Device.contributor_id).where(Device.id.startswith(search, autoescape=True))
        where.append(
            or_(
                Contributor.id.startswith(search, autoescape=True),
                Contributor.display_name.icontains(search, autoescape=True),
                Contributor.id.in_(owners),
            )
        )
    if state in CONTRIBUTOR_STATES:
        where.append(Contributor.state == state)
    return where


def _persons(session: Session, found: Collection[Contributor]) -> list[Person]:
    rows = session.execute(
        select(Device.contributor_id, func.count(), func.max(Device.last_seen_at))
        .where(Device.contributor_id.in_([each.id for each in found]))
        .group_by(Device.contributor_id)
    )
    devices = {contributor: (int(count), seen) for contributor, count, seen in rows}
    return [
        Person(
            id=each.id,
            name=each.display_name,
            state=each.state,
            created_at=each.created_at,
            devices=devices.get(each.id, (0, None))[0],
            last_seen_at=devices.get(each.id, (0, None))[1],
            payout=each.payout,
        )
        for each in found
    ]


def _machine(row: Device) -> Machine:
    owner = row.contributor
    own = "revoked" if row.revoked_at is not None else row.state
    return Machine(
        id=row.id,
        contributor=owner.id,
        name=owner.display_name,
        state=own if owner.state == ACTIVE else owner.state,
        platform=row.platform,
        device_class=row.device_class,
        agent_version=row.agent_version,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        revoked_at=row.revoked_at,
    )
