"""Checks of what set-up makes: the tab's app, the demo's bundle and pool."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import brotli
from dva_agent.bundle import FORMAT_CODE, MANIFEST, decode_manifest
from dva_agent.errors import DvaError

from server.doctor.finding import Finding, ok, problem, some
from server.pools.beside import RECORD, read_record
from server.pools.packing import packed_name, packed_sha256

BUILD_S = 120
CHUNK = 1 << 20


def app(checkout: Path) -> Finding:
    """Whether static/app is what webapp/ and node_modules would give now."""
    script = checkout / "webapp" / "build.py"
    if not (checkout / "static" / "app" / "built.json").is_file():
        return problem("app", "static/app isn't built: the page has no program.", "Run: make setup")
    if not script.is_file():
        return ok("app", "built; its sources aren't here to compare with")
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_S,
    )
    if done.returncode:
        said = done.stderr.strip() or "static/app is older than its sources."
        return problem("app", said, "Run: make setup")
    return ok("app", "static/app is built and current")


def packed(folder: Path) -> Finding:
    """Whether each brotli copy unpacks to the file beside it."""
    copies = sorted(folder.rglob("*.br")) if folder.is_dir() else []
    if not copies:
        return problem("brotli", "No file of static/app is packed.", "Run: make setup")
    bad = [str(path.relative_to(folder)) for path in copies if not _unpacks(path)]
    if bad:
        return problem(
            "brotli", f"Not what the file beside it is: {some(bad)}.", "Run: make clean setup"
        )
    return ok("brotli", f"{len(copies)} packed copies are whole")


def _unpacks(path: Path) -> bool:
    plain = path.with_suffix("")
    try:
        return plain.is_file() and brotli.decompress(path.read_bytes()) == plain.read_bytes()
    except brotli.error:
        return False


def bundle(check: str, folder: Path, do: str) -> Finding:
    """Whether a bundle has every file its manifest lists, byte for byte."""
    try:
        manifest = decode_manifest((folder / MANIFEST).read_bytes())
    except (OSError, DvaError) as error:
        if isinstance(error, DvaError) and error.code == FORMAT_CODE:
            do = "Serve it with the version of DVA that it was made with, or export the model again"
            do += " and ingest the pool under a new name."
        return problem(check, f"{folder}: its manifest can't be read: {error}", do)
    bad = [entry.path for entry in manifest.files if _sha256(folder / entry.path) != entry.sha256]
    if bad:
        return problem(check, f"{folder}: missing or changed: {some(bad)}.", do)
    copies = {packed_name(folder / entry.path): entry.sha256 for entry in manifest.files}
    bad = [path.name for path, sha256 in copies.items() if not _unpacks_to(path, sha256)]
    if bad:
        do = f"Delete these files in {folder}: packed copies are only for speed."
        return problem(check, f"{folder}: packed copies of something else: {some(bad)}.", do)
    return ok(check, f"{manifest.name}: {len(manifest.files)} files are whole")


def _unpacks_to(path: Path, sha256: str) -> bool:
    """Or isn't there: not everything is packed."""
    try:
        return not path.exists() or packed_sha256(path) == sha256
    except (OSError, DvaError):
        return False


def demo_pool(folder: Path) -> Finding:
    do = "Run: make setup"
    if not (folder / RECORD).is_file():
        return problem("demo-pool", f"{folder} isn't there.", do)
    try:
        record = read_record([folder])
    except DvaError as error:
        return problem("demo-pool", str(error), do)
    bad = [shard.path for shard in record.shards if _sha256(folder / shard.path) != shard.sha256]
    if bad or not record.shards:
        return problem("demo-pool", f"Missing or changed: {some(bad) or 'every shard'}.", do)
    return ok("demo-pool", f"{len(record.shards)} shards are whole")


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
