"""The server's own copies of shards that were named by URL: DATA/shards/POOL/SHARD.tar.

    .SHARD.tar.partial        what has been downloaded so far
    .SHARD.tar.partial.json   of what: an object's URL, size and version
    .SHARD.tar.json           the same, of a copy that is whole

A shard is downloaded once, and again only if its object has another version by then. A copy that
the pool has taken in is never replaced by other content.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from server.durable import put
from server.errors import PoolError, ShardError
from server.pools.beside import MAX_RECORD, RECORD, TRUTH
from server.pools.sources import is_url
from server.pools.storage import Changed, Found, Storage

MAX_BESIDE = 1 << 30
CHUNK = 1 << 20
ASKED_AT_ONCE = 16


class Copies:
    """Those of one pool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = Storage()

    def find(self, sources: Iterable[str]) -> list[Found]:
        """The shards that URLs name, or that lie in the buckets' folders they name. Raises
        PoolError."""
        with ThreadPoolExecutor(ASKED_AT_ONCE) as threads:
            found = list(threads.map(self._find, sources))
        return [each for some in found for each in some]

    def _find(self, source: str) -> list[Found]:
        assert is_url(source)
        if source.endswith(".tar"):
            return [self._storage.find(source)]
        return self._storage.find_in(source)

    def path(self, found: Found) -> Path:
        return self._folder / found.name

    def has(self, found: Found) -> bool:
        """Whether the copy of this version is here, and whole."""
        path = self.path(found)
        try:
            return path.stat().st_size == found.size and self._origin(path) == found
        except FileNotFoundError:
            return False

    def bring(self, found: Found, *, keep: bool, count: Callable[[int], None]) -> Path:
        """Where the copy lies, downloaded if need be. `keep`: the pool has taken a shard of this
        name in, so a copy that is here may not change. Raises ShardError."""
        path = self.path(found)
        if self.has(found):
            count(found.size)
            return path
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._bring_records(found)
            partial = path.with_name(f".{path.name}.partial")
            self._download(found, partial, count)
            if keep and path.exists() and _sha256(path) != _sha256(partial):
                _forget(partial)
                raise ShardError(
                    f"{found.url} has other content than the shard that the pool took in.",
                    code="shard_changed",
                    next_step="Give the new content a new name; scored pairs are never replaced.",
                )
            if keep and path.exists():
                _forget(partial)
            else:
                put(partial, path)
                _forget(partial)
            _write(_note(path), msgspec.json.encode(found))
        except OSError as error:
            raise ShardError(
                f"{found.url} can't be kept in {self._folder}: {error}", code="shard_unfetched"
            ) from error
        return path

    def drop(self, found: Found) -> None:
        """Deletes a copy that the pool won't have."""
        _forget(self.path(found))

    def bring_beside(self, shards: Iterable[Found]) -> None:
        """pool.json and truth.parquet from beside the shards, where there are any. Raises
        PoolError, also where several folders have one."""
        folders = sorted({found.url.rpartition("/")[0] for found in shards})
        for name, limit in ((RECORD, MAX_RECORD), (TRUTH, MAX_BESIDE)):
            bodies = {}
            for folder in folders:
                try:
                    body = self._storage.read(f"{folder}/{name}", limit)
                except ShardError as error:
                    raise PoolError(str(error), code="source_unreachable") from error
                if body is not None:
                    bodies[folder] = body
            if len(bodies) > 1:
                raise PoolError(
                    f"There is more than one {name}: in {' and '.join(list(bodies)[:2])}.",
                    next_step="Ingest folders of different pools under different names.",
                )
            for body in bodies.values():
                self._folder.mkdir(parents=True, exist_ok=True)
                _write(self._folder / name, body)

    def _bring_records(self, found: Found) -> None:
        """What img2dataset wrote about a shard."""
        base = found.url.removesuffix(".tar")
        for ending in (".parquet", "_stats.json"):
            body = self._storage.read(base + ending, MAX_BESIDE)
            if body is not None:
                _write(self._folder / f"{found.name.removesuffix('.tar')}{ending}", body)
                return

    def _download(self, found: Found, partial: Path, count: Callable[[int], None]) -> None:
        begun = _note_of(partial)
        with partial.open("ab") as file:
            try:
                # Until it is closed, or its process dies.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ShardError(
                    f"{found.url} is being downloaded by another command.",
                    code="shard_unfetched",
                    next_step="Wait for that one, then repeat this one.",
                ) from error
            if self._read(begun) != found or file.tell() > found.size:
                file.truncate(0)
                file.seek(0)
                _write(begun, msgspec.json.encode(found))
            count(file.tell())
            try:
                self._storage.download(found, file, count)
            except Changed:
                _forget(partial)
                raise

    def _origin(self, path: Path) -> Found | None:
        return self._read(_note(path))

    @staticmethod
    def _read(path: Path) -> Found | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Found)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _note_of(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _forget(path: Path) -> None:
    for each in (path, _note(path), _note_of(path)):
        each.unlink(missing_ok=True)


def _write(path: Path, body: bytes) -> None:
    partial = path.with_name(f".{path.name.lstrip('.')}.new")
    partial.write_bytes(body)
    put(partial, path)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.digest()
