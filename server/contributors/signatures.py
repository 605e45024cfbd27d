"""Whether a signature is right. Pure; what is signed: dva_agent/statements.py."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from dva_agent.protocol import KeyAlgorithm

ED25519: KeyAlgorithm = "ed25519"
LENGTHS: dict[KeyAlgorithm, int] = {"ed25519": 32, "p256": 65}
"""Of a public key. cryptography would take a compressed point too: then one key had two names."""
HALF = 32


def is_signed(statement: bytes, *, by: bytes, algorithm: KeyAlgorithm, signature: bytes) -> bool:
    """Whether `signature` is that of the public key `by` over `statement`. A key that is none, or
    a signature of another form, is just not right."""
    if len(by) != LENGTHS[algorithm] or len(signature) != 2 * HALF:
        return False
    try:
        if algorithm == ED25519:
            Ed25519PublicKey.from_public_bytes(by).verify(signature, statement)
        else:
            r, s = (int.from_bytes(part, "big") for part in (signature[:HALF], signature[HALF:]))
            point = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), by)
            point.verify(encode_dss_signature(r, s), statement, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
