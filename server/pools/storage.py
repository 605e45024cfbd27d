"""Objects in a bucket or on a web server, through obstore (docs/decisions/0033-sources.md).

Credentials are found where each storage's own tools look for them: AWS_* in the environment or the
instance's role, GOOGLE_* or the application's default. They are never in a URL.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
)
from obstore.store import GCSStore, HTTPStore, S3Store

from server.errors import PoolError, ShardError

if TYPE_CHECKING:
    # These have no runtime counterparts.
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

Store = GCSStore | HTTPStore | S3Store

CHUNK = 128 << 10
RETRIES = 8
"""obstore's own, of one request."""
TRIES = 5
"""Requests in a row that brought no byte."""
WAIT_S = 1.0
"""After the first of them; twice as long after each further one."""
STALLED_AFTER = "60 s"
WHOLE_TRANSFER = "1 day"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Found:
    """An object. `version`: its entity tag, or when it was last changed."""

    url: str
    size: int
    version: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


class Changed(ShardError):
    """It isn't the object any more that it was when its download began."""

    default_code = "shard_changed"


class Storage:
    """Everything that URLs name. Its connections are kept; any thread may ask. `timeout`: of a
    whole answer; `retries`: of a request; None: as downloads of shards need them."""

    def __init__(self, *, timeout: str | None = None, retries: int | None = None) -> None:
        self._timeout = WHOLE_TRANSFER if timeout is None else timeout
        self._retries = RETRIES if retries is None else retries
        self._stores: dict[tuple[str, str], Store] = {}

    def find(self, url: str) -> Found:
        """One object. Raises PoolError."""
        store, path = self._locate(url)
        try:
            meta = obstore.head(store, path)
        except (BaseError, OSError, ValueError) as error:
            raise _unreachable(url, error) from error
        return Found(url=url, size=meta["size"], version=_version(meta))

    def find_in(self, folder: str) -> list[Found]:
        """The tars that lie directly in a bucket's folder. Raises PoolError."""
        if urlsplit(folder).scheme.lower() in ("http", "https"):
            raise PoolError(
                f"{folder} is no tar, and a web server can't be asked what it has.",
                code="source_invalid",
                next_step="Name the tars: https://HOST/PATH/{00000..00041}.tar",
            )
        store, path = self._locate(folder)
        try:
            listed = obstore.list_with_delimiter(store, path or None)["objects"]
        except (BaseError, OSError, ValueError) as error:
            raise _unreachable(folder, error) from error
        base = folder.rstrip("/")
        return [
            Found(
                url=f"{base}/{meta['path'].rpartition('/')[2]}",
                size=meta["size"],
                version=_version(meta),
            )
            for meta in listed
            if meta["path"].endswith(".tar")
        ]

    def read(self, url: str, limit: int) -> bytes | None:
        """A small object; None if there is none, or none that may be read: a bucket that mayn't be
        listed says the same of both. Raises ShardError, also past `limit` bytes."""
        store, path = self._locate(url)
        try:
            answer = obstore.get(store, path)
            if answer.meta["size"] > limit:
                raise ShardError(f"{url} is larger than {limit:,} bytes.", code="shard_unfetched")
            return bytes(answer.bytes())
        except (NotFoundError, FileNotFoundError, PermissionDeniedError):
            return None
        except (BaseError, OSError, ValueError) as error:
            raise _unfetched(url, error) from error

    def sign(self, url: str, lasts: timedelta) -> str:
        """An http(s) URL by which anybody may GET the object for so long. Raises PoolError."""
        store, path = self._locate(url)
        try:
            if isinstance(store, HTTPStore):
                raise ValueError("only what lies in a bucket can be signed")
            return obstore.sign(store, "GET", path, lasts)
        except (BaseError, OSError, ValueError) as error:
            raise PoolError(
                f"No URL can be signed for {url}: {_said(error)}",
                code="bucket_unsigned",
                next_step="It takes s3:// or gs://, and credentials that sign "
                "(docs/operations.md, From the bucket itself).",
            ) from error

    def download(self, found: Found, file: BinaryIO, count: Callable[[int], None]) -> None:
        """Appends to `file` what it doesn't have of the object yet; `count(size)` tells how much it
        has. Goes on after broken connections, from where it was. Raises Changed or ShardError."""
        store, path = self._locate(found.url)
        have = file.tell()
        failures = restarts = 0
        while have < found.size:
            before = have
            try:
                have = _download_once(store, path, found, file, have, count)
            except NotSupportedError as error:
                # A server without Range.
                restarts += 1
                if restarts == TRIES:
                    raise _unfetched(found.url, error) from error
                file.seek(0)
                file.truncate()
                have = 0
            except PreconditionError as error:
                raise _changed(found) from error
            except (BaseError, OSError, ValueError) as error:
                have = file.tell()
                failures = failures + 1 if have == before else 1
                if failures == TRIES:
                    raise _unfetched(found.url, error) from error
                log.warning("%s broke off at byte %d, and goes on from there.", found.url, have)
                time.sleep(WAIT_S * 2 ** (failures - 1))

    def _locate(self, url: str) -> tuple[Store, str]:
        """Where to ask for an object, and its path there."""
        parts = urlsplit(url)
        key = parts.scheme.lower(), parts.netloc
        if key not in self._stores:
            try:
                self._stores[key] = _open(*key, self._timeout, self._retries)
            except (BaseError, ValueError) as error:
                raise _unreachable(url, error) from error
        return self._stores[key], unquote(parts.path).strip("/")


def _download_once(
    store: Store,
    path: str,
    found: Found,
    file: BinaryIO,
    have: int,
    count: Callable[[int], None],
) -> int:
    options: GetOptions = {}
    if have:
        options["range"] = {"offset": have}
    if found.version.startswith('"'):
        # A strong tag; a weak one never matches here.
        options["if_match"] = found.version
    answer = obstore.get(store, path, options=options)
    meta = answer.meta
    if (meta["size"], _version(meta)) != (found.size, found.version):
        raise _changed(found)
    if answer.range[0] != have:
        raise OSError(f"{found.url} was asked from byte {have} on, and gave {answer.range}")
    for chunk in answer.stream(min_chunk_size=CHUNK):
        if have + len(chunk) > found.size:
            raise _changed(found)
        file.write(chunk)
        have += len(chunk)
        count(have)
    if have < found.size:
        raise OSError(f"{found.url} ended at byte {have} of {found.size}")
    return have


def _open(scheme: str, place: str, timeout: str, retries: int) -> Store:
    """A bucket or a web server."""
    client: ClientConfig = {
        "timeout": timeout,
        "read_timeout": STALLED_AFTER,
        "allow_http": scheme == "http" or _allows_http(scheme),
    }
    retry: RetryConfig = {"max_retries": retries}
    if scheme == "s3":
        return S3Store(place, client_options=client, retry_config=retry)
    if scheme == "gs":
        return GCSStore(place, client_options=client, retry_config=retry)
    return HTTPStore.from_url(f"{scheme}://{place}", client_options=client, retry_config=retry)


def _allows_http(scheme: str) -> bool:
    """As obstore itself reads it, which forgets it where other options are given."""
    name = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP"}.get(scheme, "")
    return os.environ.get(name, "").lower() in ("1", "true")


def _version(meta: ObjectMeta) -> str:
    return meta["e_tag"] or meta["last_modified"].isoformat()


def _changed(found: Found) -> Changed:
    return Changed(
        f"{found.url} was changed while it was downloaded.",
        next_step="Repeat the command: what was there of the old one is thrown away.",
    )


def _unfetched(url: str, error: Exception) -> ShardError:
    return ShardError(
        f"{url} can't be downloaded: {_said(error)}",
        code="shard_unfetched",
        next_step="Repeat the command: it goes on where it was.",
    )


def _unreachable(url: str, error: Exception) -> PoolError:
    return PoolError(
        f"{url} can't be read: {_said(error)}",
        code="source_unreachable",
        next_step="Check the URL, and the storage's credentials in the environment "
        "(docs/operations.md). Nothing was taken in.",
    )


def _said(error: Exception) -> str:
    """The first line: the others are Rust's own notes."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
