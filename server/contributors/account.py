"""What a contributor sees of themselves, and may change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dva_agent import statements
from dva_agent.account import Consent, Me, MyDevice
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors import names
from server.contributors.door import Door
from server.contributors.models import DELETED, QUARANTINED, Contributor, Device
from server.contributors.signatures import ED25519
from server.refusals import DeviceUnknown, NotSignedIn, SignatureInvalid
from server.selftests import services as selftests

LISTED = 100


def me(session: Session, device: str) -> Me:
    """Of the device that asks."""
    contributor = _account(session, device)
    devices = session.scalars(
        select(Device)
        .where(Device.contributor_id == contributor.id)
        .order_by(Device.last_seen_at.desc(), Device.id)
        .limit(LISTED)
    )
    return Me(
        contributor=contributor.id,
        display_name=contributor.display_name,
        state=contributor.state,
        devices=[
            MyDevice(
                device=each.id,
                platform=each.platform,
                device_class=each.device_class,
                created_at=each.created_at,
                last_seen_at=each.last_seen_at,
                this=each.id == device,
                revoked=each.revoked_at is not None,
                quarantined=each.state == QUARANTINED,
            )
            for each in devices
        ],
    )


def rename(session: Session, device: str, name: str | None) -> None:
    """None: anonymous from now on. Raises NameInvalid."""
    _account(session, device, locked=True).display_name = (
        None if name is None else names.cleaned(name)
    )


def revoke(
    session: Session, door: Door, device: str, other: str, consent: Consent, at: datetime
) -> None:
    """`other`, a device of the same contributor, is let in no more; what it has posted stays.
    Raises DeviceUnknown, ChallengeInvalid, SignatureInvalid."""
    contributor = _account(session, device, locked=True)
    _require_consent(
        door,
        contributor,
        consent,
        at,
        lambda origin: statements.of_revocation(consent.challenge, origin, other),
    )
    found = session.get(Device, other)
    if found is None or found.contributor_id != contributor.id:
        raise DeviceUnknown("You have no such device.")
    if found.revoked_at is None:
        found.revoked_at = at


def delete(session: Session, door: Door, device: str, consent: Consent, at: datetime) -> Me:
    """The person goes: name, keys, and what their devices said of themselves. The scores stay, and
    so does the bare number of the contributor, which their entries in the ledger name. Raises
    ChallengeInvalid, SignatureInvalid."""
    contributor = _account(session, device, locked=True)
    _require_consent(
        door,
        contributor,
        consent,
        at,
        lambda origin: statements.of_deletion(consent.challenge, origin, contributor.id),
    )
    contributor.display_name = None
    contributor.payout = None
    contributor.public_key = None
    contributor.state = DELETED
    devices = session.scalars(select(Device).where(Device.contributor_id == contributor.id)).all()
    selftests.drop(session, [each.id for each in devices])
    for each in devices:
        each.public_key = each.certificate = each.key_algorithm = None
        each.device_class = each.agent_version = ""
        each.network = None
        each.revoked_at = each.revoked_at or at
    return Me(contributor=contributor.id, display_name=None, state=DELETED, devices=[])


def attach_payout(
    session: Session, door: Door, device: str, address: str | None, consent: Consent, at: datetime
) -> None:
    """Where the credit is to be paid to from the next epoch on; None: nowhere. Who has but a
    device's token can't turn it to their own. Raises ChallengeInvalid, SignatureInvalid."""
    contributor = _account(session, device, locked=True)
    _require_consent(
        door,
        contributor,
        consent,
        at,
        lambda origin: statements.of_payout(consent.challenge, origin, address or ""),
    )
    contributor.payout = address


def payouts(session: Session) -> dict[str, str]:
    """The address of each contributor that has one."""
    rows = session.execute(
        select(Contributor.id, Contributor.payout).where(Contributor.payout.is_not(None))
    )
    return {contributor: address for contributor, address in rows if address is not None}


def _account(session: Session, device: str, *, locked: bool = False) -> Contributor:
    """Whose the device is. Raises NotSignedIn where nobody has the key."""
    whose = session.get_one(Device, device).contributor_id
    lock = {"key_share": True} if locked else None
    found = session.get_one(Contributor, whose, with_for_update=lock, populate_existing=locked)
    if found.public_key is None:
        raise NotSignedIn("This device has no account: register it with its keys.")
    return found


def _require_consent(
    door: Door,
    contributor: Contributor,
    consent: Consent,
    at: datetime,
    agreed: Callable[[str], bytes],
) -> None:
    """`agreed`: the statement, by the server's origin, that the account key has to have signed."""
    door.require_fresh(consent.challenge, at)
    signed = contributor.public_key is not None and door.is_agreed(
        agreed, by=contributor.public_key, algorithm=ED25519, signature=consent.signature
    )
    if not signed:
        raise SignatureInvalid("The account key didn't agree to this.")
