"""The messages in which a contributor looks after an account: docs/protocol.md, "An account"."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from dva_agent.protocol import ChallengeBytes, Identifier, Message, Signature

LONGEST_NAME = 40


class MyDevice(Message, frozen=True, kw_only=True):
    """One of the contributor's. `this`: the one that asks."""

    device: Identifier
    platform: str
    device_class: str
    """Empty: it was not seen for so long that it was forgotten."""
    created_at: datetime
    last_seen_at: datetime
    """Exact to a minute."""
    this: bool
    revoked: bool
    quarantined: bool = False


class Me(Message, frozen=True, kw_only=True):
    """200 to GET /me, and to what changes it."""

    contributor: Identifier
    display_name: str | None
    """None: anonymous."""
    state: Literal["active", "suspended", "deleted"]
    devices: list[MyDevice]
    """Those seen last first, at most a hundred."""


class NameChange(Message, frozen=True, kw_only=True):
    """POST /me."""

    display_name: Annotated[str, Meta(max_length=200)] | None


class Consent(Message, frozen=True, kw_only=True):
    """POST /me/devices/{device}/revoke and /me/delete: what only the account key may decide. Over
    statements.of_revocation, or of_deletion."""

    challenge: ChallengeBytes
    signature: Signature
