"""A bundle as an agent uses it: its manifest, its tokenizer, its golden pairs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dva_agent.bundle import GoldenSet, Manifest, decode_golden
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
    golden: GoldenSet


async def load_model(engine: Engine, manifest: Manifest, url: str) -> Model:
    """Fetch the merges and the golden answers (not their images). Raises BundleError if a file
    isn't the manifest's, ServerError if it can't be had."""
    merges = await _file(engine, manifest, url, manifest.tokenizer.merges_path)
    golden = await _file(engine, manifest, url, manifest.golden_path)
    try:
        text = merges.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{manifest.tokenizer.merges_path}: not UTF-8") from error
    return Model(
        manifest=manifest,
        url=url,
        tokenizer=Tokenizer(merges=text, spec=manifest.tokenizer),
        golden=decode_golden(golden, manifest),
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


async def _file(engine: Engine, manifest: Manifest, url: str, path: str) -> bytes:
    blob = await fetch_checked(engine, manifest, url, path)
    try:
        (body,) = await engine.read(blob, [Span(start=0, size=manifest.file(path).bytes)])
    finally:
        engine.release(blob)
    return body
