"""Challenges: what a proof of possession is made over, so that it can't be an old one.

They aren't stored: a challenge is a nonce and its end, authenticated by the server's key. Within
its five minutes the same proof is taken twice, as it has to be where an answer gets lost; what it
brings is then the same device again.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta

from server.refusals import ChallengeInvalid

LIFETIME = timedelta(minutes=5)
NONCE = 16
_HEAD = struct.Struct(f"<{NONCE}sQ")
"""The nonce, and the second since 1970 from which on it is worth nothing."""


def issue(key: bytes, at: datetime) -> bytes:
    """56 bytes."""
    end = int((at + LIFETIME).timestamp())
    head = _HEAD.pack(secrets.token_bytes(NONCE), end)
    return head + hmac.digest(key, head, "sha256")


def require(key: bytes, challenge: bytes, at: datetime) -> None:
    """Raises ChallengeInvalid unless this server issued it, not long ago."""
    head, tag = challenge[: _HEAD.size], challenge[_HEAD.size :]
    if not hmac.compare_digest(hmac.digest(key, head, "sha256"), tag):
        raise ChallengeInvalid("This server never issued this challenge.")
    _, end = _HEAD.unpack(head)
    if datetime.fromtimestamp(end, UTC) <= at:
        raise ChallengeInvalid("This challenge is too old.")
