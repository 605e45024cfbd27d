"""Whether a mirror serves the models as tabs need it. What it lacks is no problem, since the server
stands in; but then it serves nobody, and says nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http import HTTPStatus

import httpx
from dva_agent.bundle import FileEntry, Manifest
from dva_agent.errors import DvaError

from server.config import Settings
from server.doctor.finding import Finding, ok, warning
from server.pools import bundles

TIMEOUT_S = 5.0
ORIGIN = "https://dva.invalid"
"""Of a page that no mirror knows by name."""
DO = "docs/operations.md, How models travel, says what a mirror has to hold and to send."


def mirror(settings: Settings) -> Iterator[Finding]:
    """One for each registered bundle; nothing without a mirror. Asks it for the bundle's smallest
    model file."""
    if not settings.model_mirror:
        return
    try:
        found = bundles.all_registered(settings.bundles)
    except (OSError, DvaError) as error:
        yield warning("mirror", f"The bundles can't be read: {error}", "See above.")
        return
    with httpx.Client(timeout=TIMEOUT_S, headers={"Origin": ORIGIN}) as client:
        for manifest in found:
            check = f"mirror of {manifest.bundle}"
            faults = list(_faults(client, settings.model_mirror.rstrip("/"), manifest))
            if faults:
                yield warning(check, f"{settings.model_mirror}: {', '.join(faults)}.", DO)
            else:
                yield ok(
                    check, f"{settings.model_mirror} has {manifest.name}, and lets pages have it"
                )


def _faults(client: httpx.Client, mirror: str, manifest: Manifest) -> Iterator[str]:
    entry = _smallest(manifest)
    url = f"{mirror}/{manifest.bundle}/{entry.path}"
    try:
        with client.stream("GET", url) as whole:
            sha256 = _sha256(whole, entry.bytes)
        with client.stream("GET", url, headers={"Range": "bytes=0-0"}) as part:
            knows_ranges = part.status_code == HTTPStatus.PARTIAL_CONTENT
    except httpx.HTTPError as error:
        yield f"no answer ({error or type(error).__name__})"
        return
    if whole.status_code != HTTPStatus.OK:
        yield f"{entry.path} is answered with {whole.status_code}"
        return
    if sha256 != entry.sha256:
        yield f"{entry.path} has other bytes"
    if whole.headers.get("Access-Control-Allow-Origin") not in ("*", ORIGIN):
        yield "no Access-Control-Allow-Origin for every page"
    if "Timing-Allow-Origin" not in whole.headers:
        yield "no Timing-Allow-Origin, so pages can't count its bytes"
    if not knows_ranges:
        yield "no answer to Range, so the server goes on with interrupted downloads"


def _sha256(answer: httpx.Response, limit: int) -> str:
    """Of the body, or of its beginning if it is longer than `limit` bytes."""
    digest, size = hashlib.sha256(), 0
    for piece in answer.iter_bytes():
        digest.update(piece)
        size += len(piece)
        if size > limit:
            break
    return digest.hexdigest()


def _smallest(manifest: Manifest) -> FileEntry:
    paths = {path for rung in manifest.rungs.values() for path in rung.paths}
    return min((manifest.file(path) for path in paths), key=lambda entry: entry.bytes)
