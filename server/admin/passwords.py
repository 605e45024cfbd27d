"""Passwords as Argon2id hashes (RFC 9106's second recommended option: 64 MiB, 3 passes)."""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import AccountError

SHORTEST = 12
LONGEST = 1024
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43
"""No password's hash, of the same cost: checked for names that don't exist, so that the time an
answer takes doesn't tell which names do."""

_hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4, type=Type.ID)
# One at a time in a process: 64 MiB each would otherwise be taken by as many as there are threads.
_turn = threading.Lock()


def hashed(password: str) -> str:
    """Raises AccountError for a password that is too short or too long."""
    text = _normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise AccountError(
            f"The password has {len(text)} characters.",
            code="password_refused",
            next_step=f"Choose one of {SHORTEST} to {LONGEST} characters; a few words will do.",
        )
    with _turn:
        return _hasher.hash(text)


def matches(password_hash: str, password: str) -> bool:
    """Takes the same time whether it matches or not."""
    with _turn:
        try:
            return _hasher.verify(password_hash, _normal(password)[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False


def _normal(password: str) -> str:
    """The same letters typed on another keyboard are the same bytes. Lone surrogates, which no
    keyboard sends, can't be encoded."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace").decode()
