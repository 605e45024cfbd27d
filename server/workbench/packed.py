"""A selection's folder as one tar, made while it is sent: nothing is written, and its length is
known beforehand."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 18
BLOCK = tarfile.BLOCKSIZE


def files(folder: Path) -> list[Path]:
    """The certificate first."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda path: (path.suffix != ".json", path.parent != folder, path))


def length(folder: Path, name: str) -> int:
    """Bytes of the tar."""
    parts = files(folder)
    headers = sum(len(_header(folder, name, path)) for path in parts)
    return headers + sum(_padded(path.stat().st_size) for path in parts) + 2 * BLOCK


def pack(folder: Path, name: str) -> Iterator[bytes]:
    """`name`: the folder that it is in the tar."""
    for path in files(folder):
        yield _header(folder, name, path)
        size = left = path.stat().st_size
        with path.open("rb") as file:
            while left and (data := file.read(min(CHUNK, left))):
                left -= len(data)
                yield data
        yield bytes(left + _padded(size) - size)
    yield bytes(2 * BLOCK)


def _header(folder: Path, name: str, path: Path) -> bytes:
    info = tarfile.TarInfo(f"{name}/{path.relative_to(folder).as_posix()}")
    found = path.stat()
    info.size, info.mtime, info.mode = found.st_size, int(found.st_mtime), 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
