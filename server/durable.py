"""What is told of as done stays done, whatever becomes of the machine in the next moment. A name is
on the disk when its folder is, and what it names when that was written out before."""

from __future__ import annotations

import os
from pathlib import Path


def put(partial: Path, place: Path) -> None:
    """Renames a finished file or folder into its place, in the stead of a file or of an empty
    folder that may be there. Raises OSError."""
    for path in partial.rglob("*"):
        sync(path)
    sync(partial)
    partial.replace(place)
    sync(place.parent)


def sync(path: Path) -> None:
    """A file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
