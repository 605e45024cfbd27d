"""From files to scores by two roads: the agent on an fp32 bundle, and open_clip in torch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import skimage
import torch
from dva_agent.bundle import decode_manifest
from dva_agent.headers import ImageKind
from dva_agent.images import sniff
from dva_agent.protocol import PairStatus
from PIL import Image

from export.bundle_writer import write_bundle
from export.loaded import Loaded
from export.loading import load
from export.openclip import open_clip
from export.reference import reference_tokenizer
from tests.dva_agent.local import LocalEngine
from tests.dva_agent.odd_captions import CAPTIONS
from tests.dva_agent.shards import Pair
from tests.dva_agent.test_dva import run
from tests.e2e.pictures import good

PHOTOGRAPHS = sorted(
    path
    for path in (Path(skimage.__file__).parent / "data").iterdir()
    if path.suffix in (".png", ".jpg", ".jpeg", ".webp")
    and isinstance(sniff(path.read_bytes(), path.stat().st_size), ImageKind)
)


@pytest.fixture(scope="module")
def demo() -> Loaded:
    return load("demo")


def by_open_clip(loaded: Loaded, data: bytes, caption: str) -> float:
    """The score as open_clip's own pipeline gives it, one pair at a time."""
    spec = loaded.preprocessing
    transform = open_clip.image_transform(
        spec.size,
        is_train=False,
        mean=spec.mean,
        std=spec.std,
        resize_mode=spec.resize,
        interpolation=spec.interpolation,
    )
    model: Any = loaded.model
    with Image.open(io.BytesIO(data)) as image, torch.inference_mode():
        picture = model.encode_image(transform(image)[None], normalize=True)
        text = model.encode_text(reference_tokenizer(loaded)([caption]), normalize=True)
    return float((picture * text).sum())


def test_scores_are_open_clips(demo: Loaded, tmp_path: Path) -> None:
    folder = tmp_path / "demo-fp32"
    write_bundle(demo, kind="fp32", out=folder)
    manifest = decode_manifest((folder / "manifest.json").read_bytes())
    files = [path.read_bytes() for path in PHOTOGRAPHS] + [data for _, data in good()[::6]]
    captions = [caption for caption in CAPTIONS if caption.strip() and caption.isprintable()]
    pairs: list[Pair] = [
        (data, captions[index % len(captions)].encode()) for index, data in enumerate(files)
    ]
    outcome, _ = run(LocalEngine(folder, manifest), manifest, pairs)
    assert len(PHOTOGRAPHS) >= 5
    for (data, caption), pair in zip(pairs, outcome.pairs, strict=True):
        assert data and caption
        assert pair.status == PairStatus.SCORED
        assert abs(pair.values[0] - by_open_clip(demo, data, caption.decode())) <= 1e-5
