"""The key that signs the operator's cookies."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from server.config import Settings

FILE = "secret.key"


def secret_key(settings: Settings) -> str | None:
    """DVA_SECRET_KEY; without it, a key of this data folder, made when it is first needed. None on
    PostgreSQL: there may be several servers over one database, and each would make its own. None,
    too, without a data folder."""
    if settings.secret_key:
        return settings.secret_key
    if not settings.is_embedded or not settings.data.is_dir():
        return None
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
        os.fsync(file.fileno())
    try:
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        partial.unlink()
