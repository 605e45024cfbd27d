"""Whether buckets give contributors' tabs what they need. What one lacks is no problem, since the
server stands in; but then it moves no byte, and says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
from sqlalchemy.exc import SQLAlchemyError

from server.config import Settings
from server.doctor import data
from server.doctor.finding import Finding, ok, warning
from server.doctor.mirror import ORIGIN, TIMEOUT_S
from server.errors import PoolError
from server.pools import bucket
from server.pools.storage import Found, Storage

FIRST = 512
"""Bytes asked for: a tar's first header."""
DO = "docs/operations.md, From the bucket itself, says what a bucket has to allow."


def buckets(settings: Settings) -> list[Finding]:
    """One for each bucket of a pool. Nothing where the database can't be read, or is older: that
    has been said. Asks for the beginning of one shard, as a tab would."""
    if data.is_new(settings):
        return []
    origin = settings.own_origins[0] if settings.own_origins else ORIGIN
    try:
        with data.reading(settings) as session:
            return [_bucket(origin, *each) for each in bucket.sample(session)]
    except SQLAlchemyError:
        return []


def _bucket(origin: str, pool: str, url: str, shard: Path, found: Found) -> Finding:
    check = f"{url} of {pool}"
    faults = list(_faults(origin, shard, found))
    if faults:
        return warning(check, f"{found.url}: {', '.join(faults)}.", DO)
    return ok(check, "it has what was taken in, and lets pages have it")


def _faults(origin: str, shard: Path, found: Found) -> Iterator[str]:
    storage = Storage(timeout=bucket.ANSWERS_WITHIN, retries=bucket.TRIES)
    try:
        if storage.find(found.url) != found:
            yield "another object than the one that was taken in"
        url = storage.sign(found.url, bucket.SIGNED_FOR)
        headers = {"Origin": origin, "Range": f"bytes=0-{FIRST - 1}", "Accept-Encoding": "identity"}
        part = httpx.get(url, headers=headers, timeout=TIMEOUT_S)
    except PoolError as error:
        yield str(error)
        return
    except httpx.HTTPError as error:
        yield f"no answer ({error or type(error).__name__})"
        return
    if part.status_code != HTTPStatus.PARTIAL_CONTENT:
        yield f"a range is answered with {part.status_code}"
        return
    try:
        with shard.open("rb") as file:
            if file.read(FIRST) != part.content:
                yield "other bytes than the copy's"
    except OSError:
        pass  # That has been said, too.
    if part.headers.get("Access-Control-Allow-Origin") not in ("*", origin):
        yield f"no Access-Control-Allow-Origin for {origin}"
