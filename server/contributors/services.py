"""Who asks, and what is known of the devices together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dva_agent.protocol import KeyAlgorithm
from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import quota, tokens
from server.contributors.models import (
    ACTIVE,
    AWAY,
    DELETED,
    QUARANTINED,
    SUSPENDED,
    TOLD,
    Contributor,
    Device,
)
from server.contributors.signatures import is_signed
from server.keys import Keys
from server.refusals import NotAdmitted, NotSignedIn, SignatureInvalid

SEEN_EVERY = timedelta(minutes=1)
FORGET_AT_ONCE = 100
NETWORK_KEPT = timedelta(days=7)
"""Longer than it takes to see whether a kind of device fails or a person."""
DAY_S = 86_400
_KEPT, _LOCKED = "devices", "locked devices"
"""In a session's info, which ends with it. A session forgets rows that nobody refers to, and
a request asks for its device several times."""


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """How many devices of one class were seen since some time, and when the last of them was."""

    platform: str
    device_class: str
    devices: int
    last_seen_at: datetime


def signed_in(session: Session, keys: Keys, authorization: str | None, at: datetime) -> str:
    """The device of an Authorization header. Raises NotSignedIn."""
    found = session.get(Device, _named(keys, authorization, at))
    if found is None:
        raise NotSignedIn("The device that this token was issued to is gone.")
    require_not_revoked(found)
    return found.id


def may_work(session: Session, keys: Keys, authorization: str | None, at: datetime) -> str:
    """The same, of a device that may also take work and post results. Raises NotSignedIn,
    NotAdmitted."""
    device = signed_in(session, keys, authorization, at)
    found = _kept(session, device)
    if found.contributor.state != ACTIVE:
        raise NotAdmitted("This contributor is suspended.")
    if found.state != ACTIVE:
        raise NotAdmitted("This device is in quarantine.", code="device_quarantined")
    return device


def require_not_revoked(device: Device) -> None:
    """Raises NotSignedIn."""
    if device.revoked_at is not None:
        raise NotSignedIn(
            "This device was revoked, by its contributor or by whoever runs this server.",
            code="device_revoked",
            next_step="Make a new device key, and register with it.",
        )


def contributor_of(session: Session, device: str) -> str:
    """Whose a device is."""
    return _kept(session, device).contributor_id


def suspend(session: Session, contributor: str) -> None:
    """No device of theirs is given work or may post; they may still see why. Nothing happens to one
    that was deleted."""
    found = session.get_one(Contributor, contributor)
    if found.state == ACTIVE:
        found.state = SUSPENDED


def restore(session: Session, contributor: str) -> None:
    """The opposite of `suspend`."""
    found = session.get_one(Contributor, contributor)
    if found.state == SUSPENDED:
        found.state = ACTIVE


def quarantine(session: Session, device: str) -> None:
    """The device isn't given work, its contributor's others are."""
    session.get_one(Device, device).state = QUARANTINED


def release(session: Session, device: str) -> None:
    """The opposite of `quarantine`."""
    session.get_one(Device, device).state = ACTIVE


def agent_version(session: Session, device: str) -> str:
    """What the device said it runs, when it last introduced itself."""
    return session.get_one(Device, device).agent_version


def payout_of(session: Session, contributor: str) -> str | None:
    """Where an outside payout of their credit goes; None: nowhere."""
    return session.get_one(Contributor, contributor).payout


def devices_of(session: Session, contributor: str) -> list[str]:
    """All devices of a contributor, revoked ones too."""
    return list(session.scalars(_DEVICES, {"contributor": contributor}))


def require_signature(session: Session, device: str, statement: bytes, signature: bytes) -> None:
    """Raises SignatureInvalid unless the device's own key signed it."""
    found = _kept(session, device)
    key, algorithm = found.public_key, found.key_algorithm
    if (
        key is None
        or algorithm is None
        or not is_signed(statement, by=key, algorithm=algorithm, signature=signature)
    ):
        raise SignatureInvalid("This result isn't signed by its device's key.")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a device's signatures are verified by. None: see models.Device."""

    contributor: str
    algorithm: KeyAlgorithm | None
    device_key: bytes | None
    certificate: bytes | None
    account_key: bytes | None


def proofs_of(session: Session, devices: Collection[str]) -> dict[str, Proof]:
    """By device."""
    return {
        found.id: Proof(
            contributor=found.contributor_id,
            algorithm=found.key_algorithm,
            device_key=found.public_key,
            certificate=found.certificate,
            account_key=found.contributor.public_key,
        )
        for found in session.scalars(select(Device).where(Device.id.in_(devices)))
    }


# With each claim and each result: made once.
_LOCK = (
    select(Device)
    .where(Device.id == bindparam("device"))
    .with_for_update(key_share=True, of=Device)
    # Who had the lock before may have changed what was read before it.
    .execution_options(populate_existing=True)
)
_LOCK_CONTRIBUTOR = (
    select(Contributor.id)
    .where(Contributor.id == bindparam("contributor"))
    .with_for_update(key_share=True)
)
_DEVICES = (
    select(Device.id).where(Device.contributor_id == bindparam("contributor")).order_by(Device.id)
)


_UNSEEN = (
    select(Device.id)
    .where(Device.last_seen_at <= bindparam("before"))
    .limit(FORGET_AT_ONCE)
    .with_for_update(skip_locked=True, of=Device)
)
_AWAY = _UNSEEN.where(AWAY)
_OLD = _UNSEEN.where(TOLD)


def lock(session: Session, device: str, at: datetime) -> None:
    """Until the transaction ends, nothing else is claimed or posted for this device, which has now
    been seen."""
    locked: dict[str, Device] = session.info.setdefault(_LOCKED, {})
    if device not in locked:
        locked[device] = session.scalars(_LOCK, {"device": device}).one()
    row = locked[device]
    if at - row.last_seen_at >= SEEN_EVERY:
        row.last_seen_at = at


def lock_contributor(session: Session, device: str) -> None:
    """Until the transaction ends, no other device of the same contributor claims anything. Before
    `lock`, always: who locks in one order never waits in a circle."""
    session.execute(_LOCK_CONTRIBUTOR, {"contributor": contributor_of(session, device)})


def left_today(session: Session, settings: Settings, device: str, at: datetime) -> int:
    """Units that the device may still take before midnight, UTC."""
    found = _kept(session, device)
    quota = settings.units_per_day if found.quota is None else found.quota
    return quota - _taken(found, at)


def took(session: Session, device: str, units: int, at: datetime) -> None:
    """Counts them against the day's quota; it needn't matter what becomes of them."""
    found = _kept(session, device)
    found.taken = _taken(found, at) + units
    found.taken_on = _day(at)


def valid(session: Session, settings: Settings, device: str, units: int) -> None:
    """Work of this device was found right."""
    found = _kept(session, device)
    if found.quota is not None:
        grown = quota.after_valid(found.quota, units, settings.units_per_day)
        found.quota = None if grown == settings.units_per_day else grown


def invalid(session: Session, settings: Settings, device: str, units: int) -> None:
    """Work of this device was found wrong."""
    found = _kept(session, device)
    before = settings.units_per_day if found.quota is None else found.quota
    found.quota = quota.after_invalid(before, units)


def forget(session: Session, settings: Settings, at: datetime) -> None:
    """Blanks where devices were that weren't seen for a week, and what those that weren't seen for
    long said of themselves. Their keys stay: without those their results couldn't be verified, nor
    could they come back."""
    if found := session.scalars(_AWAY, {"before": at - NETWORK_KEPT}).all():
        session.execute(update(Device).where(Device.id.in_(found)).values(network=None))
    if not settings.devices_kept_days:
        return
    before = at - timedelta(days=settings.devices_kept_days)
    if found := session.scalars(_OLD, {"before": before}).all():
        session.execute(
            update(Device).where(Device.id.in_(found)).values(device_class="", agent_version="")
        )


def _kept(session: Session, device: str) -> Device:
    """Raises NoResultFound."""
    kept: dict[str, Device] = session.info.setdefault(_KEPT, {})
    if device not in kept:
        # From the session's own memory where it is locked.
        kept[device] = session.get_one(Device, device)
    return kept[device]


def _taken(device: Device, at: datetime) -> int:
    return device.taken or 0 if device.taken_on == _day(at) else 0


def _day(at: datetime) -> int:
    return int(at.timestamp()) // DAY_S


def count_devices(session: Session, since: datetime | None = None) -> int:
    """How many have registered, or were seen since then."""
    query = select(func.count()).select_from(Device)
    if since is not None:
        query = query.where(Device.last_seen_at >= since)
    return session.scalars(query).one()


def count_contributors(session: Session, since: datetime | None = None) -> int:
    """How many have registered and are not deleted, or of how many a device was seen since then."""
    if since is None:
        living = select(func.count()).select_from(Contributor).where(Contributor.state != DELETED)
        return session.scalars(living).one()
    query = select(func.count(Device.contributor_id.distinct()))
    return session.scalars(query.where(Device.last_seen_at >= since)).one()


def named() -> Select[str, str | None]:
    """Asks for those who chose a name for everybody to see, and that name; nobody who is suspended.
    There may be any number of them: whoever shows some ranks them in the database."""
    return select(Contributor.id, Contributor.display_name).where(
        Contributor.display_name.is_not(None), Contributor.state == ACTIVE
    )


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


def _named(keys: Keys, authorization: str | None, at: datetime) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn("This needs the token of a registered device.")
    return tokens.device_of(keys.token, token.strip(), at)
