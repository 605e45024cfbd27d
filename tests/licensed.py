"""The demo bundle as if somebody had to accept its licence."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from dva_agent.bundle import MANIFEST, Manifest, decode_manifest

URL = "https://example.org/licence"


def write_licensed(demo: Path, folder: Path) -> Manifest:
    """Copies the bundle at `demo` to `folder`; only what its manifest says of it is other."""
    shutil.copytree(demo, folder)
    manifest = decode_manifest((folder / MANIFEST).read_bytes())
    licence = msgspec.structs.replace(manifest.licence, name="Example-1.0", url=URL, accepted=True)
    changed = msgspec.structs.replace(manifest, demo=False, licence=licence)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(changed))
    return changed
