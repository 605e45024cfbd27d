"""Tokens: short-lived, signed, and not stored. Who holds one is that device until it ends, as far
as the device may still come in: its row is looked at on each request."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from server.refusals import NotSignedIn

LIFETIME = timedelta(hours=1)


def issue(key: bytes, device: str, at: datetime) -> str:
    made = _serializer(key).dumps([device, int((at + LIFETIME).timestamp())])
    return made if isinstance(made, str) else made.decode()


def device_of(key: bytes, token: str, at: datetime) -> str:
    """The device it was issued to. Raises NotSignedIn."""
    try:
        device, end = _serializer(key).loads(token)
    except BadData as error:
        raise NotSignedIn("This server never issued this token.") from error
    if datetime.fromtimestamp(end, UTC) <= at:
        raise NotSignedIn(
            "This token has ended.",
            code="token_expired",
            next_step="Sign in again: POST /sessions gives the next token.",
        )
    return str(device)


def _serializer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="device", signer_kwargs={"digest_method": hashlib.sha256})
