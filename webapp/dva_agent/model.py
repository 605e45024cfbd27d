"""A bundle as an agent uses it: its manifest and its tokenizer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dva_agent.bundle import Manifest
from dva_agent.engine import Blob, Engine
from dva_agent.errors import BundleError
from dva_agent.protocol import Span
from dva_agent.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Model:
    """`url`: where the bundle's files are; ends with a slash."""

    manifest: Manifest
    url: str
    tokenizer: Tokenizer


async def load_model(engine: Engine, manifest: Manifest, url: str) -> Model:
    """Fetch the merges. Raises BundleError if a file isn't the manifest's, ServerError if it can't
    be had."""
    merges = await file_of(engine, manifest, url, manifest.tokenizer.merges_path)
    try:
        text = merges.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{manifest.tokenizer.merges_path}: not UTF-8") from error
    return Model(
        manifest=manifest,
        url=url,
        tokenizer=Tokenizer(merges=text, spec=manifest.tokenizer),
    )


async def fetch_checked(engine: Engine, manifest: Manifest, url: str, path: str) -> Blob:
    """One file of the bundle, its length and sha256 checked. The caller releases it."""
    entry = manifest.file(path)
    blob = await engine.fetch(url + path)
    try:
        (body,) = await engine.read(blob, [Span(start=0, size=entry.bytes)])
    except BaseException:
        engine.release(blob)
        raise
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        engine.release(blob)
        raise BundleError(f"{path}: the downloaded bytes are not the manifest's.")
    return blob


async def file_of(engine: Engine, manifest: Manifest, url: str, path: str) -> bytes:
    """The bytes of one file of the bundle, checked."""
    blob = await fetch_checked(engine, manifest, url, path)
    try:
        (body,) = await engine.read(blob, [Span(start=0, size=manifest.file(path).bytes)])
    finally:
        engine.release(blob)
    return body
