"""The messages about credit: beside those of the work itself (protocol.py), and of its manner.

A credit is a million floating-point operations of the bundle's model. All of them are whole
numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from dva_agent.protocol import (
    ChallengeBytes,
    Count,
    Identifier,
    Message,
    Signature,
    UnitName,
)

Root = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""A SHA-256, hex."""


ADDRESS = "[0-9A-Za-z_:.-]{8,128}"
"""Of a payout: nothing that a line of CSV would have to quote."""


class PayoutChange(Message, frozen=True, kw_only=True):
    """POST /me/payout: where an outside payout is to go; None: nowhere. Only the account key
    decides: `signature` is over statements.of_payout."""

    address: Annotated[str, Meta(pattern=rf"^{ADDRESS}$(?!\n)")] | None
    """Text to the server, which pays nobody and calls no chain."""
    challenge: ChallengeBytes
    signature: Signature


class Payout(Message, frozen=True, kw_only=True):
    """200 to a PayoutChange."""

    address: str | None


class CreditProof(Message, frozen=True, kw_only=True):
    """GET /me/proof: that `line` is in the statement of an epoch. Kept as a file, it can be
    checked without the server: dva epoch verify FILE ROOT."""

    epoch: Annotated[int, Meta(ge=1)]
    closed_at: datetime
    root: Root
    """Of the Merkle tree over the statement's lines, as RFC 6962 makes it."""
    line: Annotated[str, Meta(max_length=256)]
    """epoch,contributor,earned,balance,payout: the leaf is its ASCII."""
    index: Count
    """The line's, from 0."""
    contributors: Count
    """How many lines there are."""
    path: Annotated[list[Root], Meta(max_length=64)]
    """The hashes from the leaf up."""


class Amount(Message, frozen=True, kw_only=True):
    """Credits, and the pairs that they are for."""

    credits: Count
    pairs: Count


class Credit(Message, frozen=True, kw_only=True):
    """GET /me/credit: what all of a contributor's devices have earned together."""

    contributor: Identifier
    pending: Amount
    """Posted, and neither confirmed nor taken out yet."""
    pending_units: Count
    confirmed: Amount
    """What the contributor has: without what was revoked."""
    forfeited: Amount
    """Never paid: an audit failed before it was confirmed."""
    payout: str | None = None
    """The address that epochs name beside the credit."""
    revoked: Amount
    """Taken back: an audit failed after it was confirmed."""


WorkState = Literal["pending", "confirmed", "forfeited", "revoked"]
Awaited = Literal["auditor", "audit", "later_audits", "copies"]
"""auditor: no auditor runs; audit: its turn, to be looked at or passed over; later_audits: that
audits of later units pass too; copies: others' results of the same unit."""


class WorkedUnit(Message, frozen=True, kw_only=True):
    """A unit that a contributor posted a result for, and how that stands."""

    result: Count
    unit: UnitName
    pool: Identifier
    posted_at: datetime
    pairs: Count
    """Those that count: all but what was withheld."""
    credits: Count | None
    """None: pending, and the server lacks the pool's model just now."""
    state: WorkState
    reason: Identifier
    """A code: why it stands as it does; docs/protocol.md lists them, and others may come."""
    awaits: Awaited | None = None
    """What comes next, while it is pending."""


class Work(Message, frozen=True, kw_only=True):
    """GET /me/units: newest first."""

    units: list[WorkedUnit]
    next: Count | None = None
    """`after` of the next page; None: this is the last."""
