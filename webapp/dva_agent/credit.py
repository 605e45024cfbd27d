"""The messages about credit: beside those of the work itself (protocol.py), and of its manner.

A credit is a million floating-point operations of the bundle's model. All of them are whole
numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from dva_agent.protocol import Count, Message

Root = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""A SHA-256, hex."""


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
