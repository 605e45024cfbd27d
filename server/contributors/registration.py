"""A device introduces itself, and signs in again later."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from dva_agent import protocol, statements
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import challenges, tokens
from server.contributors.door import Door
from server.contributors.models import ACTIVE, DELETED, Contributor, Device
from server.contributors.services import clean, forget, require_not_revoked
from server.contributors.signatures import ED25519, is_signed
from server.db import insert_once
from server.keys import Keys
from server.limits import services as limits
from server.limits.rate import Rate
from server.refusals import AccountDeleted, DeviceTaken, NotSignedIn, RateLimited, SignatureInvalid

HOUR_S = 3600.0


def challenge(keys: Keys, at: datetime) -> protocol.Challenge:
    return protocol.Challenge(
        challenge=challenges.issue(keys.challenge, at),
        expires_in_s=challenges.LIFETIME.total_seconds(),
    )


def register(
    session: Session,
    settings: Settings,
    door: Door,
    registration: protocol.Registration,
    network: str | None,
    at: datetime,
) -> protocol.Device:
    """The device with this key, a new one or the one it is already. A new one counts for its
    `network`, a name that only the server's secret makes; None isn't limited. Raises
    ChallengeInvalid, SignatureInvalid, AccountDeleted, DeviceTaken, NotSignedIn (revoked),
    RateLimited; then nothing has changed."""
    _require_proof(door, registration, at)
    contributor = _contributor(session, registration.account_key, at)
    key = registration.device_key
    told = {
        "device_class": clean(registration.device_class),
        "agent_version": clean(registration.agent_version),
        "network": network,
    }
    device = session.scalar(select(Device).where(Device.public_key == key))
    if device is None:
        _admit(session, settings, network, at)
        insert_once(
            session,
            Device,
            id=secrets.token_hex(16),
            contributor_id=contributor,
            key_algorithm=registration.key_algorithm,
            public_key=key,
            certificate=registration.certificate,
            state=ACTIVE,
            platform=registration.platform,
            **told,
            created_at=at,
            last_seen_at=at,
        )
        # Another request with the same key may have been faster.
        device = session.scalars(select(Device).where(Device.public_key == key)).one()
    if device.contributor_id != contributor:
        raise DeviceTaken("This device key is another account's.")
    require_not_revoked(device)
    for name, value in told.items():
        if getattr(device, name) != value:
            setattr(device, name, value)
    return protocol.Device(
        device=device.id,
        contributor=contributor,
        token=tokens.issue(door.keys.token, device.id, at),
        expires_in_s=tokens.LIFETIME.total_seconds(),
    )


def open_session(
    session: Session, door: Door, asked: protocol.SessionRequest, at: datetime
) -> protocol.Session:
    """The next token of a device. Raises ChallengeInvalid, NotSignedIn, SignatureInvalid."""
    door.require_fresh(asked.challenge, at)
    device = session.get(Device, asked.device)
    if device is None or device.public_key is None or device.key_algorithm is None:
        raise NotSignedIn("There is no device of this name that has a key.")
    key = device.public_key
    proven = door.is_agreed(
        lambda origin: statements.of_session(asked.challenge, origin, key),
        by=key,
        algorithm=device.key_algorithm,
        signature=asked.proof,
    )
    if not proven:
        raise SignatureInvalid("The proof isn't by this device's key, for this server.")
    require_not_revoked(device)
    return protocol.Session(
        token=tokens.issue(door.keys.token, device.id, at),
        expires_in_s=tokens.LIFETIME.total_seconds(),
    )


def contributor_id(account_key: bytes) -> str:
    """The same on every server."""
    return hashlib.sha256(ED25519.encode() + account_key).hexdigest()[:32]


def _require_proof(door: Door, registration: protocol.Registration, at: datetime) -> None:
    """That the account key agreed to this device, and that the device's key is here."""
    asked = registration
    door.require_fresh(asked.challenge, at)
    certified = is_signed(
        statements.of_device(asked.account_key, asked.key_algorithm, asked.device_key),
        by=asked.account_key,
        algorithm=ED25519,
        signature=asked.certificate,
    )
    if not certified:
        raise SignatureInvalid("The certificate isn't by this account key, for this device key.")
    proven = door.is_agreed(
        lambda origin: statements.of_session(asked.challenge, origin, asked.device_key),
        by=asked.device_key,
        algorithm=asked.key_algorithm,
        signature=asked.proof,
    )
    if not proven:
        raise SignatureInvalid(
            "The proof isn't by this device key, over this challenge, for this server."
        )


def _contributor(session: Session, account_key: bytes, at: datetime) -> str:
    """The one with this key, made if need be. Raises AccountDeleted."""
    name = contributor_id(account_key)
    insert_once(session, Contributor, id=name, public_key=account_key, state=ACTIVE, created_at=at)
    found = session.get_one(Contributor, name, with_for_update={"key_share": True})
    if found.state == DELETED:
        raise AccountDeleted("This account was deleted.")
    return name


def _admit(session: Session, settings: Settings, network: str | None, at: datetime) -> None:
    if network is None:
        return
    forget(session, settings, at)
    hourly = settings.registrations_per_hour
    if not hourly:
        return
    limits.forget(session, at)
    rate = Rate(per_s=hourly / HOUR_S, burst=hourly)
    wait = limits.require(session, f"registration {network}", rate, at)
    if wait:
        raise RateLimited("Too many devices register from this network.", retry_after_s=wait)
