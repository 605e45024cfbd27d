"""Registering devices and knowing them again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dva_agent import protocol
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors.models import Device
from server.errors import NotSignedIn, RateLimited
from server.limits import services as limits
from server.limits.rate import Rate

HOUR_S = 3600.0


def admit(session: Session, settings: Settings, network: str | None, at: datetime) -> None:
    """Counts a registration for its network; None isn't limited. Raises RateLimited."""
    hourly = settings.registrations_per_hour
    if network is None or not hourly:
        return
    limits.forget(session, at)
    rate = Rate(per_s=hourly / HOUR_S, burst=hourly)
    wait = limits.require(session, f"registration {network}", rate, at)
    if wait:
        raise RateLimited("Too many devices register from this network.", retry_after_s=wait)


SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """How many devices of one class were seen since some time, and when the last of them was."""

    platform: str
    device_class: str
    devices: int
    last_seen_at: datetime


def register(
    session: Session, registration: protocol.Registration, at: datetime
) -> protocol.Device:
    """A new device and its token, which nobody can be told a second time."""
    token = secrets.token_urlsafe(32)
    device = Device(
        id=secrets.token_hex(16),
        token_sha256=_digest(token),
        platform=registration.platform,
        device_class=clean(registration.device_class),
        agent_version=clean(registration.agent_version),
        created_at=at,
        last_seen_at=at,
    )
    session.add(device)
    return protocol.Device(device=device.id, token=token)


def signed_in(session: Session, authorization: str | None) -> str:
    """The device of an Authorization header. Raises NotSignedIn.

    Tokens have 256 random bits and are looked up by hash, so neither guessing nor the time a
    comparison takes gives one away."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("This needs the token of a registered device.")
    device = session.scalar(select(Device.id).where(Device.token_sha256 == _digest(token.strip())))
    if device is None:
        raise NotSignedIn("No device has this token.")
    return device


def lock(session: Session, device: str, at: datetime) -> None:
    """Until the transaction ends, nothing else is claimed or posted for this device, which has now
    been seen."""
    row = session.scalars(
        select(Device).where(Device.id == device).with_for_update(key_share=True, of=Device)
    ).one()
    if at - row.last_seen_at >= SEEN_EVERY:
        row.last_seen_at = at


def count_devices(session: Session, since: datetime | None = None) -> int:
    """How many have registered, or were seen since then."""
    query = select(func.count()).select_from(Device)
    if since is not None:
        query = query.where(Device.last_seen_at >= since)
    return session.scalars(query).one()


def last_seen(session: Session) -> datetime | None:
    """When the latest of them was seen."""
    return session.scalars(select(func.max(Device.last_seen_at))).one()


def classes_seen(session: Session, since: datetime, limit: int) -> Sequence[ClassCount]:
    """The classes of the devices seen since then, the most frequent first. `limit`: a device names
    its own class, so there may be any number of them."""
    devices = func.count()
    rows = session.execute(
        select(Device.platform, Device.device_class, devices, func.max(Device.last_seen_at))
        .where(Device.last_seen_at >= since)
        .group_by(Device.platform, Device.device_class)
        .order_by(devices.desc(), Device.device_class)
        .limit(limit)
    )
    return [
        ClassCount(platform=platform, device_class=name, devices=int(count), last_seen_at=seen)
        for platform, name, count, seen in rows
    ]


def clean(text: str) -> str:
    """Without NUL, which PostgreSQL's text can't hold, and without lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
