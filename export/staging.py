"""A folder that appears whole or not at all: written beside its place, then renamed into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 1 << 20


@contextmanager
def staging_folder(place: Path) -> Iterator[Path]:
    """An empty folder beside `place`, on the same file system; removed unless it was renamed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(folder: Path, place: Path) -> None:
    """Rename a finished folder into its place, in the stead of what may be there. At no moment is
    there a half-written folder under that name."""
    for path in sorted(folder.rglob("*")):
        _flush(path)
    _flush(folder)
    if place.exists():
        with staging_folder(place) as aside:
            place.rename(aside / "replaced")
            folder.rename(place)
    else:
        folder.rename(place)
    _flush(place.parent)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
