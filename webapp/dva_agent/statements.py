"""What is signed, byte by byte. Pure: who signs and who checks bring their own cryptography.

A statement is an ASCII label, a NUL, then its fields, each as its length (uint32, little-endian)
and its bytes; text is UTF-8. The label says what the signature is for, so that none made for one
purpose serves another. What answers a challenge names the server's origin too, as whoever signs
sees it: else one server could pass another's challenge on, and the answer back. docs/protocol.md
has the same in words; JavaScript that signs without Python mirrors it.
"""

from __future__ import annotations

import struct

DEVICE = "dva device 1"
SESSION = "dva session 2"
RESULT = "dva result 1"
REVOKE = "dva revoke 2"
DELETE = "dva delete 2"
PAYOUT = "dva payout 2"


def statement(label: str, *fields: bytes) -> bytes:
    """The bytes that are signed. No two different lists of fields give the same."""
    parts = [label.encode("ascii"), b"\0"]
    for field in fields:
        parts += [struct.pack("<I", len(field)), field]
    return b"".join(parts)


def of_device(account_key: bytes, key_algorithm: str, device_key: bytes) -> bytes:
    """A certificate, by the account key: this device is mine."""
    return statement(DEVICE, account_key, key_algorithm.encode(), device_key)


def of_session(challenge: bytes, origin: str, device_key: bytes) -> bytes:
    """By the device key: its private half is here, now, and speaks to this server."""
    return statement(SESSION, challenge, origin.encode(), device_key)


def of_result(
    *, lease: str, unit: str, bundle: str, rung: str, statuses: bytes, scores: bytes
) -> bytes:
    """By the device key: these are the scores that were computed here, for this lease."""
    texts = [text.encode() for text in (lease, unit, bundle, rung)]
    return statement(RESULT, *texts, statuses, scores)


def of_revocation(challenge: bytes, origin: str, device: str) -> bytes:
    """By the account key: this device of mine is to be let in no more."""
    return statement(REVOKE, challenge, origin.encode(), device.encode())


def of_deletion(challenge: bytes, origin: str, contributor: str) -> bytes:
    """By the account key: forget me here."""
    return statement(DELETE, challenge, origin.encode(), contributor.encode())


def of_payout(challenge: bytes, origin: str, address: str) -> bytes:
    """By the account key: pay my credit to this address, or, if it is empty, to none."""
    return statement(PAYOUT, challenge, origin.encode(), address.encode())
