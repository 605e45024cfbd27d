"""Who an agent is, as far as it has to know: public keys, and something that signs.

The private keys stay where they are: in the browser's IndexedDB, where nothing can read them out,
or in a file of the terminal's user (dva_agent/native/identity.py).
"""

from __future__ import annotations

from typing import Protocol

from dva_agent.protocol import KeyAlgorithm


class Identity(Protocol):
    """One device of one contributor. `certificate` is the account key's signature over
    statements.of_device."""

    @property
    def account_key(self) -> bytes:
        """Ed25519, 32 bytes."""
        ...

    @property
    def key_algorithm(self) -> KeyAlgorithm:
        """The device key's."""
        ...

    @property
    def device_key(self) -> bytes:
        """Ed25519: 32 bytes. P-256: the point uncompressed, 65 bytes."""
        ...

    @property
    def certificate(self) -> bytes:
        """64 bytes."""
        ...

    async def sign(self, statement: bytes) -> bytes:
        """By the device key, 64 bytes: Ed25519 (RFC 8032), or ECDSA over SHA-256 as r and s, 32
        bytes each, big-endian."""
        ...
