"""The committed demo bundle: intact, small, and made from the committed checkpoint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest

from export.bundle_writer import write_bundle
from export.loading import DEMO_FOLDER, load
from export.verify import verify

BUNDLE = Path(__file__).parents[2] / "static" / "models" / "demo-q8"
MOST_BYTES = 24_000_000


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_it_is_intact() -> None:
    manifest = decode_manifest((BUNDLE / MANIFEST).read_bytes())
    for entry in manifest.files:
        body = (BUNDLE / entry.path).read_bytes()
        assert (len(body), hashlib.sha256(body).hexdigest()) == (entry.bytes, entry.sha256)
    decode_golden((BUNDLE / manifest.golden_path).read_bytes(), manifest)
    present = {path.relative_to(BUNDLE).as_posix() for path in BUNDLE.rglob("*") if path.is_file()}
    assert present == {MANIFEST, *(entry.path for entry in manifest.files)}


def test_it_is_small() -> None:
    assert size(BUNDLE) + size(DEMO_FOLDER) <= MOST_BYTES


def test_it_says_what_it_is() -> None:
    manifest = decode_manifest((BUNDLE / MANIFEST).read_bytes())
    assert manifest.demo
    assert (manifest.model, manifest.weights) == ("demo", "q8")
    assert "emoji" in manifest.about
    assert manifest.licence.name == "Apache-2.0"
    text = (BUNDLE / manifest.licence.path).read_text(encoding="utf-8")
    assert all(name in text for name in ("Twemoji", "CC-BY-4.0", "OpenAI", "Apache-2.0"))


def test_it_was_made_from_the_checkpoint(tmp_path: Path) -> None:
    """The same towers again. (Golden embeddings may differ in the last bit on another CPU, and
    the bundle's id doesn't cover them.)"""
    loaded = load("demo")
    again = write_bundle(loaded, kind="q8", out=tmp_path / "again").manifest
    committed = decode_manifest((BUNDLE / MANIFEST).read_bytes())
    assert again.bundle == committed.bundle
    assert verify(loaded, BUNDLE).mean_score < 5e-3


def test_its_fp32_sister_equals_torch(tmp_path: Path) -> None:
    written = write_bundle(load("demo"), kind="fp32", out=tmp_path / "fp32")
    assert written.comparison.largest_score <= 1e-5
