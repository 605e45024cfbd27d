"""The committed demo bundle: intact, small, and made from the committed checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest
from numpy.typing import NDArray
from PIL import Image

from export.bundle_writer import write_bundle
from export.demo.artwork import POOL_VENDOR, load_vendor
from export.demo.concepts import load_concepts
from export.demo.evaluate import TWEMOJI_AUC
from export.demo.retrieval import retrieval
from export.demo.scoring import Scorer
from export.expected import Towers
from export.loading import DEMO_FOLDER, load
from export.verify import verify

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "node_modules"
BUNDLE = ROOT / "static" / "models" / "demo-q8"
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


class Bundled(Scorer):
    """The demo's own report, with the bundle's towers in the place of torch."""

    def __init__(self) -> None:
        super().__init__(DEMO_FOLDER)
        self._towers = Towers(BUNDLE, optimised=True)

    def images(self, images: Iterable[Image.Image]) -> NDArray[np.float32]:
        rows = []
        for image in images:
            for step in self._transform.transforms[:-2]:
                image = step(image)
            planes = np.asarray(image, np.uint8).transpose(2, 0, 1)[None]
            rows.append(self._towers.images(np.ascontiguousarray(planes)))
        return np.concatenate(rows)

    def texts(self, captions: Sequence[str]) -> NDArray[np.float32]:
        return self._towers.texts(self._tokenizer(captions).numpy().astype(np.int32))


@pytest.mark.slow
def test_it_tells_twemojis_names_apart() -> None:
    """The bar of the demo network, in 8 bits, on every third concept it was taught."""
    taught = set(json.loads((DEMO_FOLDER / "concepts.json").read_bytes()))
    concepts = load_concepts(NODE_MODULES)
    seen = [concept for concept in concepts if concept.label in taught][::3]
    found = retrieval(Bundled(), load_vendor(NODE_MODULES, POOL_VENDOR, concepts), seen)
    assert found.concepts > 400
    assert found.auc_shuffled >= TWEMOJI_AUC


def test_its_fp32_sister_equals_torch(tmp_path: Path) -> None:
    written = write_bundle(load("demo"), kind="fp32", out=tmp_path / "fp32")
    assert written.comparison.largest_score <= 1e-5
