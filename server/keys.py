"""The server's secret, and the keys made of it: one for each purpose, so that what was signed for
one is worth nothing for another."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from server.config import Settings
from server.durable import sync
from server.errors import SettingsError

FILE = "secret.key"


@dataclass(frozen=True, kw_only=True, repr=False)
class Keys:
    """32 bytes each. All servers over one database have the same."""

    challenge: bytes
    token: bytes
    audit: bytes
    network: bytes


def keys_of(secret: str) -> Keys:
    """HMAC-SHA256 of each purpose's name under the secret."""

    def derived(purpose: str) -> bytes:
        return hmac.digest(secret.encode(), f"dva {purpose} 1".encode(), "sha256")

    return Keys(
        challenge=derived("challenge"),
        token=derived("token"),
        audit=derived("audit"),
        network=derived("network"),
    )


def secret_key(settings: Settings) -> str:
    """DVA_SECRET_KEY; without it, a key of this data folder, made when it is first needed. Raises
    SettingsError on PostgreSQL: there may be several servers over one database, and each would
    make its own. And, too, without a data folder."""
    if settings.secret_key:
        return settings.secret_key
    if not settings.is_embedded:
        raise SettingsError(
            "DVA_SECRET_KEY isn't set, and on PostgreSQL the server can't choose it by itself.",
            code="secret_key_missing",
            next_step="Set it to 32 random characters or more, the same on every server.",
        )
    if not settings.data.is_dir():
        raise SettingsError(f"There is no data folder {settings.data} to keep a secret key in.")
    path = settings.data / FILE
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, key: str) -> None:
    """Readable by nobody else. Of workers that come at the same time the first wins, and nobody
    ever reads half a key."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
    sync(partial)
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
    sync(path.parent)
