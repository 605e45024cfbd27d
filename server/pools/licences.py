"""Which models the operator may hand out: those whose licence they have accepted.

An acceptance is of a text, not of a bundle: bundles of one checkpoint share it, and a licence that
reads otherwise is another one. It lies in the data folder, beside the bundles:

    licences/SHA256.json    an Acceptance, named by the sha256 of the licence's text
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path

import msgspec
from dva_agent.bundle import Manifest
from dva_agent.errors import BundleError

from server.config import Settings
from server.durable import put
from server.errors import LicenceError
from server.pools import bundles

RANDOM = "random:"
"""What the model of random weights begins with: nobody claims any right in them."""
LONGEST_TEXT = 1 << 20


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """Of the licence, as the next."""
    url: str
    accepted_at: datetime
    accepted_by: str
    """The account that ran the command, for people."""


def needs_acceptance(manifest: Manifest) -> bool:
    """Whether anybody has to be asked. That the bundle's maker accepted the licence doesn't bind
    who serves it."""
    return not (manifest.demo or manifest.model.startswith(RANDOM))


def is_accepted(settings: Settings, manifest: Manifest) -> bool:
    """Whether the bundle may be handed out. Looked up each time: a command may have changed it
    while the server runs."""
    return not needs_acceptance(manifest) or _record(settings, manifest).is_file()


def is_served(settings: Settings, bundle: str) -> bool:
    """As `is_accepted`, by a pool's bundle. What can't be read isn't a matter of licences."""
    try:
        manifest = bundles.registered(settings.bundles, bundle)
    except (OSError, BundleError):
        return True
    return manifest is None or is_accepted(settings, manifest)


def acceptance(settings: Settings, manifest: Manifest) -> Acceptance | None:
    """Who accepted the licence, and when. Raises LicenceError if the record can't be read."""
    path = _record(settings, manifest)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Acceptance)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise LicenceError(
            f"{path} can't be read: {error}",
            code="acceptance_unreadable",
            next_step="Delete it, and accept the licence again.",
        ) from error


def accept(settings: Settings, manifest: Manifest, *, by: str, at: datetime) -> None:
    """Records it, on the disk before this returns."""
    record = Acceptance(
        name=manifest.licence.name, url=manifest.licence.url, accepted_at=at, accepted_by=by
    )
    settings.licences.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=settings.licences, prefix=".partial-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(record))
    put(Path(partial), _record(settings, manifest))


def withdraw(settings: Settings, manifest: Manifest) -> None:
    """From then on nothing of the bundle is handed out, nor of others under the same text."""
    _record(settings, manifest).unlink(missing_ok=True)


def licence_text(folder: Path, manifest: Manifest) -> str:
    """What is to be accepted, from the bundle in `folder`. Raises BundleError if it isn't the text
    that the manifest lists."""
    entry = manifest.file(manifest.licence.path)
    try:
        with (folder / entry.path).open("rb") as file:
            body = file.read(LONGEST_TEXT + 1)
    except OSError as error:
        raise BundleError(f"The bundle's licence can't be read: {error}") from error
    if len(body) > LONGEST_TEXT or hashlib.sha256(body).hexdigest() != entry.sha256:
        raise BundleError(f"{entry.path} is not the file that the manifest lists.")
    return body.decode("utf-8", "replace")


def _record(settings: Settings, manifest: Manifest) -> Path:
    sha256 = manifest.file(manifest.licence.path).sha256
    return settings.licences / f"{sha256}.json"
