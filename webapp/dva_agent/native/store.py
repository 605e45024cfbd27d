"""Model files on disk: downloaded once, checked always, never half there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

from dva_agent.bundle import REFERENCE_RUNG, FileEntry, Manifest
from dva_agent.errors import BundleError, MessageError, RungUnavailable, ServerError
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import PROTOCOL, PROTOCOL_HEADER, BundleSources, decode

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
        sources: list[str] = []
        try:
            for entry in entries:
                if not _is_there(folder / entry.path, entry):
                    sources = sources or await self._sources(url)
                    await self._fetch(entry, sources, folder / entry.path, done, total)
                done += entry.bytes
                self._progress(done, total)
        except OSError as error:
            raise RungUnavailable(
                f"The model can't be kept in {folder}: {error.strerror}.",
                next_step="Make room there, or choose another folder for the cache.",
            ) from error
        return folder

    async def _sources(self, url: str) -> list[str]:
        """Where the files below `url` can be had, best first; only there if the server says nothing
        of use: what is wrong with it will show when it is asked for a file."""
        headers = {PROTOCOL_HEADER: str(PROTOCOL), "Accept": "application/json"}
        try:
            said = await self._transport.request(
                "GET", url.removesuffix("/"), headers=headers, body=None
            )
            told = decode(said.body, BundleSources).sources if said.status == HTTPStatus.OK else []
        except (ServerError, MessageError):
            told = []
        mirrors = [urljoin(url, each) for each in told if each.endswith("/")]
        return [*(each for each in mirrors if each != url), url]

    async def _fetch(
        self, entry: FileEntry, sources: list[str], target: Path, done: int, total: int
    ) -> None:
        """From the first of `sources`; one that fails or gives other bytes is taken out of them,
        but the last."""
        while True:
            try:
                await self._download(entry, sources[0], target, done, total)
            except (ServerError, BundleError):
                if len(sources) == 1:
                    raise
                del sources[0]
            else:
                return

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
