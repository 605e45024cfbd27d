"""How many more leases a device may have at this moment: its share, its contributor's, that of the
network it comes from, and its quota of the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dva_agent.protocol import Idle
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.work.gate import Room
from server.work.models import HELD, Lease

LONGEST_S = 30.0
QUOTA_S = 600.0
"""Quotas grow, so that there is no sense in waiting for the next day."""


# With each claim: made once.
_HELD = select(func.count()).select_from(Lease).where(Lease.state == HELD)
_HELD_BY = _HELD.where(Lease.device_id.in_(bindparam("devices", expanding=True)))
_HELD_FROM = _HELD.where(Lease.network == bindparam("network"))


def room(
    session: Session,
    settings: Settings,
    *,
    device: str,
    network: str | None,
    held: Sequence[Lease],
    at: datetime,
) -> Room:
    """`held`: the device's own leases, the first to end first. `network`: None isn't limited."""
    mine = settings.leases_per_device - len(held)
    if mine <= 0:
        wait = min(max((held[0].deadline - at).total_seconds(), 1.0), LONGEST_S)
        return Room(0, Idle(reason="too_many_leases", retry_after_s=wait))
    rest = [mine]
    if settings.leases_per_contributor:
        whose = contributors.contributor_of(session, device)
        devices = contributors.devices_of(session, whose)
        count = session.scalars(_HELD_BY, {"devices": devices}).one()
        rest.append(settings.leases_per_contributor - count)
    if settings.leases_per_network and network is not None:
        rest.append(
            settings.leases_per_network - session.scalars(_HELD_FROM, {"network": network}).one()
        )
    if min(rest) <= 0:
        return Room(0, Idle(reason="too_many_leases", retry_after_s=LONGEST_S))
    today = contributors.left_today(session, settings, device, at)
    if today <= 0:
        return Room(0, Idle(reason="quota_spent", retry_after_s=QUOTA_S))
    return Room(min(*rest, today))
