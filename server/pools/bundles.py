"""The bundles that pools name: checked, copied into the data folder, served from there."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from dva_agent.bundle import (
    MANIFEST,
    FileEntry,
    GoldenSet,
    Manifest,
    decode_golden,
    decode_manifest,
)
from dva_agent.errors import BundleError

from server.durable import put
from server.pools.packing import pack, packed_name
from server.pools.tolerance import tolerance_of

CHUNK = 1 << 20
MAX_MANIFEST = 4 << 20
LEFT_OVER_S = 86_400.0
"""A copy that nobody has added to for so long belongs to nobody who lives."""
_ID = re.compile(r"[0-9a-f]{32}")
_PARTIAL = ".partial-"


def register(source: Path, bundles: Path) -> Manifest:
    """Copies the bundle at `source` to `bundles`/<id>, checking each byte on its way; under that
    name there is a whole bundle or none. One that is there already stays as it is. Raises
    BundleError."""
    try:
        body = _read_small(source / MANIFEST)
        manifest = decode_manifest(body)
        _check_names(manifest)
        _sweep(bundles)
        target = bundles / manifest.bundle
        if target.exists():
            return manifest
        bundles.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=bundles))
        try:
            for entry in manifest.files:
                _copy(source, partial, entry)
            (partial / MANIFEST).write_bytes(body)
            partial.chmod(0o755)
            put(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise BundleError(f"The bundle at {source} can't be read: {error}") from error
    return manifest


def broken_off(bundles: Path, older_s: float) -> list[Path]:
    """What is left of copies that nobody has added to for so many seconds."""
    end = time.time() - older_s
    found = []
    for path in bundles.glob(f"{_PARTIAL}*"):
        # Its owner may be done with it by now.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < end:
                found.append(path)
    return sorted(found)


def read(folder: Path) -> Manifest:
    """The manifest of the bundle in a folder. Raises BundleError."""
    try:
        return decode_manifest(_read_small(folder / MANIFEST))
    except OSError as error:
        raise BundleError(f"The bundle at {folder} can't be read: {error}") from error


def read_golden(folder: Path, manifest: Manifest) -> GoldenSet:
    """The golden pairs of the bundle in a folder. Raises BundleError."""
    try:
        return decode_golden((folder / manifest.golden_path).read_bytes(), manifest)
    except OSError as error:
        raise BundleError(f"The bundle at {folder} can't be read: {error}") from error


def require_auditable(folder: Path) -> None:
    """Raises BundleUnauditable where made-up scores couldn't be told from computed ones, and
    BundleError where the golden pairs by which that is judged are missing or broken."""
    manifest = read(folder)
    tolerance_of(manifest, read_golden(folder, manifest))


def all_registered(bundles: Path) -> list[Manifest]:
    """The manifest of every registered bundle that this version can read, by name."""
    folders = bundles.iterdir() if bundles.is_dir() else []
    found = (registered(bundles, each.name) for each in folders if _ID.fullmatch(each.name))
    return sorted(filter(None, found), key=lambda manifest: (manifest.name, manifest.bundle))


def registered(bundles: Path, bundle: str) -> Manifest | None:
    """The manifest of a registered bundle, None if there is no such bundle, or only one that this
    version can't read: `dva doctor` and /readyz name it. `bundle` comes from outside: 32 hex
    digits, checked by the route."""
    try:
        return _manifest(bundles / bundle)
    except (FileNotFoundError, BundleError):
        return None


def registered_golden(bundles: Path, manifest: Manifest) -> GoldenSet:
    """The golden pairs of a registered bundle. Raises BundleError."""
    return _golden(bundles / manifest.bundle)


@lru_cache(maxsize=8)
def _golden(folder: Path) -> GoldenSet:
    return read_golden(folder, _manifest(folder))


@lru_cache(maxsize=64)
def _manifest(folder: Path) -> Manifest:
    return decode_manifest(_read_small(folder / MANIFEST))


def is_whole(bundles: Path, bundle: str) -> bool:
    """Whether all files of a registered bundle are there, of the sizes that its manifest says."""
    folder = bundles / bundle
    try:
        manifest = decode_manifest(_read_small(folder / MANIFEST))
        return all((folder / each.path).stat().st_size == each.bytes for each in manifest.files)
    except (OSError, BundleError):
        return False


def file_of(bundles: Path, manifest: Manifest, path: str) -> tuple[Path, str] | None:
    """Where a bundle's file lies, and its sha256; None unless the manifest lists it: no other
    path ever reaches the disk."""
    folder = bundles / manifest.bundle
    if path == MANIFEST:
        body = _read_small(folder / MANIFEST)
        return folder / MANIFEST, hashlib.sha256(body).hexdigest()
    for entry in manifest.files:
        if entry.path == path:
            return folder / path, entry.sha256
    return None


def _sweep(bundles: Path) -> None:
    for path in broken_off(bundles, LEFT_OVER_S):
        shutil.rmtree(path, ignore_errors=True)


def _check_names(manifest: Manifest) -> None:
    """Raises BundleError for a file that lies where another one's packed copy would."""
    paths = {Path(entry.path) for entry in manifest.files}
    for path in paths:
        if packed_name(path) in paths:
            raise BundleError(f"A bundle can't hold both {path} and {packed_name(path)}.")


def _read_small(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MAX_MANIFEST + 1)
    if len(body) > MAX_MANIFEST:
        raise BundleError(f"{path.name} is larger than {MAX_MANIFEST:,} bytes.")
    return body


def _copy(source: Path, partial: Path, entry: FileEntry) -> None:
    target = partial / entry.path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with (source / entry.path).open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
    if size != entry.bytes or digest.hexdigest() != entry.sha256:
        raise BundleError(f"{entry.path} is not the file that the manifest lists.")
    pack(target)
