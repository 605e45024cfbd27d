"""A name for what the page's own files contain, so that a browser may keep them under it for ever
instead of asking about each of them at every visit."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

NAMED_HEX = 16
_STAMP = "app/built.json"
"""webapp/build.py's hash of everything that went into app/."""


def edition(static: Path, others: str) -> str:
    """Hex over the style sheets and the built app below `static`, and the other origins that their
    policy lets them connect to, since a browser keeps that with them. Another one as soon as one of
    them is another, without a restart."""
    files = [*sorted((static / "css").glob("*.css")), static / _STAMP]
    known = [(path, path.stat()) for path in files if path.is_file()]
    return _digest(tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in known), others)


@lru_cache(maxsize=1)
def _digest(files: tuple[tuple[Path, int, int], ...], others: str) -> str:
    """Of the contents: the time of a change differs from server to server."""
    total = hashlib.sha256(others.encode())
    for path, _, _ in files:
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:NAMED_HEX]
