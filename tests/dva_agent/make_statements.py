"""Writes statements.json: what is signed and what comes of a phrase, by Python, for JavaScript to
come to the same (tests/js/identity.test.js):

python -m tests.dva_agent.make_statements
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dva_agent import statements
from mnemonic import Mnemonic

FILE = Path(__file__).with_name("statements.json")
PHRASES = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
)
CHALLENGE = bytes(range(56))
ORIGIN = "https://dva.example.org"
ADDRESS = "chain:0xAbC123.x-y_z"
DEVICE = "0123456789abcdef0123456789abcdef"
DEVICE_KEYS = {"ed25519": bytes(range(100, 132)), "p256": b"\x04" + bytes(range(64))}


def account(phrase: str) -> Ed25519PrivateKey:
    """By BIP-39, and SLIP-0010's master key."""
    seed = Mnemonic.to_seed(phrase)
    return Ed25519PrivateKey.from_private_bytes(
        hmac.digest(b"ed25519 seed", seed, "sha512")[:32],
    )


def text(raw: bytes) -> str:
    return b64encode(raw).decode()


def case(phrase: str, algorithm: str) -> dict[str, str]:
    secret = account(phrase)
    key = secret.public_key().public_bytes_raw()
    device_key = DEVICE_KEYS[algorithm]
    return {
        "phrase": phrase,
        "account_key": text(key),
        "algorithm": algorithm,
        "device_key": text(device_key),
        "challenge": text(CHALLENGE),
        "origin": ORIGIN,
        "device": DEVICE,
        "of_device": text(statements.of_device(key, algorithm, device_key)),
        "of_session": text(statements.of_session(CHALLENGE, ORIGIN, device_key)),
        "of_revocation": text(statements.of_revocation(CHALLENGE, ORIGIN, DEVICE)),
        "of_deletion": text(statements.of_deletion(CHALLENGE, ORIGIN, DEVICE)),
        "address": ADDRESS,
        "of_payout": text(statements.of_payout(CHALLENGE, ORIGIN, ADDRESS)),
        "of_no_payout": text(statements.of_payout(CHALLENGE, ORIGIN, "")),
        "certificate": text(secret.sign(statements.of_device(key, algorithm, device_key))),
    }


def made() -> str:
    cases = [case(*both) for both in zip(PHRASES, DEVICE_KEYS, strict=True)]
    return json.dumps(cases, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(made())
