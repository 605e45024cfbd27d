"""Model files on disk: downloaded once, checked always, never half there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from dva_agent.bundle import REFERENCE_RUNG, FileEntry, Manifest
from dva_agent.errors import BundleError, RungUnavailable
from dva_agent.native.transport import HttpTransport

Progress = Callable[[int, int], None]
"""Bytes there, and bytes in all."""


def default_cache() -> Path:
    """$XDG_CACHE_HOME/dva, by the XDG base directory specification."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "dva"


class BundleStore:
    """Below `cache`: one folder a bundle, named by its id."""

    def __init__(self, *, cache: Path, transport: HttpTransport, progress: Progress) -> None:
        self._cache = cache
        self._transport = transport
        self._progress = progress

    async def towers(self, manifest: Manifest, url: str) -> Path:
        """The folder with the native rung's files, downloaded where they aren't there yet. Raises
        ServerError, BundleError for wrong bytes, RungUnavailable if the disk doesn't take them."""
        folder = self._cache / manifest.bundle
        entries = [manifest.file(path) for path in manifest.rung(REFERENCE_RUNG).paths]
        total = sum(entry.bytes for entry in entries)
        done = 0
        try:
            for entry in entries:
                if not _is_there(folder / entry.path, entry):
                    await self._download(entry, url, folder / entry.path, done, total)
                done += entry.bytes
                self._progress(done, total)
        except OSError as error:
            raise RungUnavailable(
                f"The model can't be kept in {folder}: {error.strerror}.",
                next_step="Make room there, or choose another folder for the cache.",
            ) from error
        return folder

    async def _download(
        self, entry: FileEntry, url: str, target: Path, done: int, total: int
    ) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        size = 0
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                async for piece in self._transport.stream(url + entry.path):
                    size += len(piece)
                    if size > entry.bytes:
                        break
                    digest.update(piece)
                    file.write(piece)
                    self._progress(done + size, total)
            if size != entry.bytes or digest.hexdigest() != entry.sha256:
                raise BundleError(f"{entry.path}: the downloaded bytes are not the manifest's.")
            Path(name).replace(target)
        finally:
            Path(name).unlink(missing_ok=True)


def _is_there(path: Path, entry: FileEntry) -> bool:
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
