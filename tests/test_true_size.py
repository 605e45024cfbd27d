"""A ViT-B/32 of true size goes the whole road once: checkpoint, bundle, pool of real photographs,
server, native agent, Parquet. The scores must be those of open_clip's own pipeline."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import skimage
import torch
from PIL import Image
from safetensors.torch import save_file

from export.openclip import open_clip

ARCHITECTURE = "ViT-B-32"
BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).parent.parent
SOURCE = Path(skimage.__file__).parent / "data"
PHOTOGRAPHS = {
    "astronaut.png": "A portrait of the astronaut Eileen Collins, smiling in an orange suit",
    "brick.png": "a brick wall",
    "camera.png": "man with a camera on a tripod, B&amp;W",
    "cell.png": "a cell under the microscope",
    "chelsea.png": "Chelsea, the “cat” 🐈",
    "clock_motion.png": "une horloge floue",
    "coffee.png": "a cup of espresso \n on a wooden table",
    "coins.png": "greek coins from Pompeii",
    "grass.png": "GRASS",
    "gravel.png": "gravel ГРАВИЙ 砾石",
    "hubble_deep_field.jpg": "the Hubble deep field: " + "galaxies, " * 60,
    "motorcycle_left.png": "a motorcycle in a garage",
    "moon.png": "surface of the moon, cafÃ© style",
    "retina.jpg": "a retina",
    "rocket.jpg": "A rocket on its launch pad.",
}
ENCODINGS = (
    ("png", {}),
    ("jpg", {"quality": 91, "subsampling": 2}),
    ("webp", {"quality": 80, "method": 2}),
)


def photographs() -> Iterator[tuple[str, bytes, str]]:
    """(file extension, encoded image, caption): each photograph whole and two crops of it."""
    generator = np.random.default_rng(0)
    for name, caption in PHOTOGRAPHS.items():
        with Image.open(SOURCE / name) as opened:
            whole = opened.convert("RGB")
        width, height = whole.size
        for extension, options in ENCODINGS:
            picture = whole
            if extension != "png":
                w, h = (int(generator.integers(side // 3, side)) for side in (width, height))
                x, y = int(generator.integers(0, width - w)), int(generator.integers(0, height - h))
                picture = whole.crop((x, y, x + w, y + h))
            buffer = io.BytesIO()
            picture.save(buffer, {"jpg": "JPEG"}.get(extension, extension.upper()), **options)
            yield extension, buffer.getvalue(), caption


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(20260)
    return open_clip.create_model(ARCHITECTURE).eval()


@pytest.fixture(scope="module")
def reference(model: torch.nn.Module) -> dict[str, float]:
    """uid -> the cosine that open_clip's own preprocessing, tokenizer and towers give."""
    preprocess = open_clip.image_transform(model.visual.image_size, is_train=False)
    tokenizer = open_clip.get_tokenizer(ARCHITECTURE)
    scores = {}
    with torch.inference_mode():
        for index, (_, data, caption) in enumerate(photographs()):
            pixels = preprocess(Image.open(io.BytesIO(data)))[None]
            image = model.encode_image(pixels, normalize=True)
            text = model.encode_text(tokenizer([caption]), normalize=True)
            scores[f"{index:032x}"] = float((image * text).sum())
    return scores


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photographs") / "00000.tar"
    with tarfile.open(path, "w") as tar:
        for index, (extension, data, caption) in enumerate(photographs()):
            members = (
                (extension, data),
                ("txt", caption.encode()),
                ("json", json.dumps({"uid": f"{index:032x}"}).encode()),
            )
            for suffix, content in members:
                info = tarfile.TarInfo(f"{index:09d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def run(*command: str | Path, **settings: str | Path) -> None:
    """Its standard error is in the failure, if it fails."""
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    done = subprocess.run(
        [*map(str, command)], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def served(data: Path) -> Iterator[str]:
    """The address of a `dva serve`."""
    server = subprocess.Popen(
        [BIN / "dva", "serve", "--data", data, "--port", "0"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stdout
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address
        yield address[0]
    finally:
        server.terminate()
        server.communicate(timeout=30)


@pytest.mark.slow
def test_scores_are_open_clips_own(
    model: torch.nn.Module, reference: dict[str, float], shard: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "random.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, checkpoint)
    bundle, data, out = tmp_path / "bundle", tmp_path / "data", tmp_path / "scores"
    run(
        *(sys.executable, "export/build_onnx.py", "--model", checkpoint, "--arch", ARCHITECTURE),
        *("--accept-license", "--weights", "fp32", "--unmeasured", "--out", bundle),
    )
    licence = "--accept-license"
    run(BIN / "dva", "ingest", "photographs", shard, "--bundle", bundle, "--data", data, licence)
    with served(data) as address:
        run(BIN / "dva", "agent", "--server", address, XDG_CACHE_HOME=tmp_path / "cache")
    run(BIN / "dva", "scores", "photographs", "--data", data, "--out", out)

    rows = [row for path in out.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["uid"] for row in rows} == reference.keys()
    assert {row["status"] for row in rows} == {"scored"}
    differences = [abs(row["score"] - reference[row["uid"]]) for row in rows]
    print(f"{len(rows)} photographs, largest difference {max(differences):.2e}")
    assert max(differences) <= 1e-3
    spread = np.std(list(reference.values()))
    assert spread > 10 * np.median(differences), "the scores must differ for this to mean anything"
