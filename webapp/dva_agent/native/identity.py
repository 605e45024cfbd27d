"""Who somebody is at a terminal: a phrase of twelve words, and a device key for each server.

The account key is made of the phrase as wallets make theirs (BIP-39, SLIP-0010 for ed25519, the
master key), so that the same words are the same contributor in a tab. A device key of its own for
each server: no two of them can tell by it that the same machine visits both.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mnemonic import Mnemonic
from msgspec import Meta, Struct

from dva_agent import statements
from dva_agent.errors import IdentityError, IdentityExists
from dva_agent.protocol import KeyAlgorithm

WORDS = 128
"""Bits of entropy: twelve words."""
_SLIP10 = b"ed25519 seed"
_english = Mnemonic("english")


class NativeIdentity:
    """Implements identity.Identity."""

    key_algorithm: KeyAlgorithm = "ed25519"

    def __init__(self, *, account: Ed25519PrivateKey, device: Ed25519PrivateKey) -> None:
        self._account = account
        self._device = device
        self.account_key = account.public_key().public_bytes_raw()
        self.device_key = device.public_key().public_bytes_raw()
        self.certificate = account.sign(
            statements.of_device(self.account_key, self.key_algorithm, self.device_key)
        )

    async def sign(self, statement: bytes) -> bytes:
        """See identity.Identity."""
        return self._device.sign(statement)

    def sign_as_account(self, statement: bytes) -> bytes:
        """64 bytes: what only the person may decide, such as revoking a device."""
        return self._account.sign(statement)


def new_phrase() -> str:
    """Twelve words out of 2,048, the last with a checksum."""
    return _english.generate(WORDS)


def account_of(phrase: str) -> Ed25519PrivateKey:
    """The account key of a phrase. Raises IdentityError if it isn't one."""
    words = " ".join(phrase.lower().split())
    if len(words.split()) != 12 or not _english.check(words):
        raise IdentityError(
            "This is no recovery phrase.",
            code="phrase_invalid",
            next_step="It has twelve English words; look for one that is misspelt or missing.",
        )
    seed = Mnemonic.to_seed(words, passphrase="")
    return Ed25519PrivateKey.from_private_bytes(hmac.digest(_SLIP10, seed, "sha512")[:32])


def contributor_of(account_key: bytes) -> str:
    """The name under which every server knows this account."""
    return hashlib.sha256(b"ed25519" + account_key).hexdigest()[:32]


class _Kept(Struct, forbid_unknown_fields=False):
    phrase: str
    devices: dict[str, Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]] = msgspec.field(
        default_factory=dict
    )
    """Server -> private key."""


class IdentityFile:
    """A file that only its user can read, with the phrase and the keys of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        return self.path.is_file()

    def create(self, phrase: str) -> None:
        """Raises IdentityExists, and IdentityError if the phrase isn't one."""
        account_of(phrase)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        written = self._write(_Kept(phrase=" ".join(phrase.lower().split())))
        try:
            # Of two that come at once, one has made it, and neither sees half of it.
            os.link(written, self.path)
        except FileExistsError as error:
            raise IdentityExists(f"{self.path} is there already.") from error
        finally:
            written.unlink()

    def phrase(self) -> str:
        """Raises IdentityError."""
        return self._read().phrase

    def identity(self, server: str) -> NativeIdentity:
        """This machine at `server` (its origin); its device key is made when it first comes
        there. Raises IdentityError."""
        kept = self._read()
        found = kept.devices.get(server)
        if found is None:
            found = kept.devices[server] = secrets.token_hex(32)
            self._write(kept).replace(self.path)
        return NativeIdentity(
            account=account_of(kept.phrase),
            device=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(found)),
        )

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Kept)
        except FileNotFoundError as error:
            raise IdentityError(
                f"{self.path} isn't there.",
                code="identity_missing",
                next_step="dva identity new makes one; dva identity recover takes a phrase.",
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise IdentityError(f"{self.path} is no file of an identity: {error}") from error

    def _write(self, kept: _Kept) -> Path:
        """Beside the file, readable by nobody else."""
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
            os.fsync(file.fileno())
        return partial


def default_path() -> Path:
    """$XDG_STATE_HOME/dva/identity.json, by default in ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME")
    home = Path(state) if state else Path.home() / ".local" / "state"
    return home / "dva" / "identity.json"
