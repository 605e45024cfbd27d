"""Models from a hub, in each layout: loaded, pinned, licensed, and refused before the weights."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from dva_agent.bundle import MANIFEST, decode_manifest
from huggingface_hub import constants

from export import transformers_layout
from export.build_onnx import main
from export.errors import CheckpointRefused, DownloadFailed, LicenceUnaccepted, TowerUnsupported
from export.hub import Hub
from export.loaded import Loaded
from export.loading import load
from export.openclip import open_clip
from tests.export import transformers_clip as theirs
from tests.export.conftest import random_network
from tests.export.small_hub import COMMIT, SmallHub

ROOT = Path(__file__).parents[2]
CARD = b"""---
license: other
license_name: "apple-sample-code-license"
license_link: LICENSE
---
# license: mit, says nobody
"""


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    with SmallHub().running() as running:
        yield running


@pytest.fixture
def fetch(hub: SmallHub, tmp_path: Path) -> Callable[..., Loaded]:
    def load_it(model: str, *, accept: bool = True, revision: str = "") -> Loaded:
        where = Hub(endpoint=hub.address, cache=tmp_path / "cache", revision=revision)
        return load(model, accept_licence=accept, hub=where)

    return load_it


def serve(hub: SmallHub, name: str, folder: Path, **more: bytes) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.add(name, **{name.replace(".", "__"): body for name, body in files.items()}, **more)


def test_open_clips_layout(
    hub: SmallHub, fetch: Callable[..., Loaded], checkpoint: Callable[[str], Path]
) -> None:
    serve(hub, "someone/clip", checkpoint("vit"))
    loaded = fetch("hf-hub:someone/clip")
    expected = random_network("vit").state_dict()
    assert all(torch.equal(expected[k], v) for k, v in loaded.model.state_dict().items())
    assert loaded.source == f"hf-hub:someone/clip@{COMMIT}"
    assert loaded.preprocessing.resize == "squash"
    assert loaded.licence.url == "https://huggingface.co/someone/clip"
    assert loaded.licence.text.endswith("Do as you like.\n")
    assert loaded.accepted


def test_transformers_layout(hub: SmallHub, fetch: Callable[..., Loaded], tmp_path: Path) -> None:
    config = theirs.configuration()
    folder = theirs.save(tmp_path / "clip", config, theirs.random_weights(config))
    serve(hub, "someone/clip", folder, README__md=b"---\nlicense: mit\n---\n")
    loaded = fetch("hf-hub:someone/clip", revision="v1")
    assert loaded.source == f"hf-hub:someone/clip@{COMMIT}"
    assert loaded.licence.name == "mit"
    assert loaded.preprocessing.mean == tuple(theirs.MEAN)
    assert len(loaded.merges) == theirs.MERGES


def as_open_clip(folder: Path, config: Any, weights: theirs.Tensors) -> Path:
    """A checkpoint of transformers, saved again in open_clip's layout."""
    folder.mkdir()
    record = {"model_cfg": transformers_layout.model_config(config)}
    (folder / "open_clip_config.json").write_text(json.dumps(record))
    torch.save(transformers_layout.state_dict(weights), folder / "open_clip_pytorch_model.bin")
    return folder


@pytest.mark.parametrize(
    "layout", ["transformers", "transformers without a processor", "open_clip"]
)
def test_the_filtering_network_itself(
    layout: str, hub: SmallHub, fetch: Callable[..., Loaded], tmp_path: Path
) -> None:
    """From either layout; with its processor's values, or CLIP's own where it brings none."""
    name = "apple/DFN-public"
    config = theirs.configuration(size=224)
    weights = theirs.random_weights(config)
    if layout == "open_clip":
        serve(hub, name, as_open_clip(tmp_path / "clip", config, weights), README__md=CARD)
    else:
        serve(hub, name, theirs.save(tmp_path / "clip", config, weights), README__md=CARD)
    if layout.endswith("without a processor"):
        del hub.repositories[name]["preprocessor_config.json"]
    loaded = fetch(f"hf-hub:{name}")
    said = layout == "transformers"
    mean = tuple(theirs.MEAN) if said else open_clip.constants.OPENAI_DATASET_MEAN
    assert loaded.preprocessing.mean == mean
    expected = transformers_layout.state_dict(weights)
    assert all(torch.equal(expected[k], v) for k, v in loaded.model.state_dict().items())
    assert loaded.preprocessing.resize == "shortest"
    assert "filtering network itself" in loaded.about
    assert loaded.licence.name == "apple-sample-code-license"
    assert loaded.licence.url == "https://huggingface.co/apple/DFN-public/blob/main/LICENSE"
    assert "by Apple" in loaded.licence.attribution


def test_known_facts_are_held_against_what_comes(
    hub: SmallHub,
    fetch: Callable[..., Loaded],
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    serve(hub, "apple/DFN2B-CLIP-ViT-L-14-39B", checkpoint("vit"))
    with pytest.raises(CheckpointRefused, match="quick_gelu=True, but") as caught:
        fetch("hf-hub:apple/DFN2B-CLIP-ViT-L-14-39B")
    assert "--model ViT-L-14:dfn2b_s39b" in caught.value.next_step
    serve(hub, "apple/DFN2B-CLIP-ViT-B-16", checkpoint("vit"))
    with pytest.raises(CheckpointRefused, match="made for 224 px shortest"):
        fetch("hf-hub:apple/DFN2B-CLIP-ViT-B-16")


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_a_tag_of_open_clip(
    name: str,
    hub: SmallHub,
    fetch: Callable[..., Loaded],
    checkpoint: Callable[[str], Path],
    architecture: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """open_clip's own record of a tag says where the weights are and how pictures are prepared."""
    facts = {"hf_hub": "someone/clip/", "resize_mode": "squash", "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, architecture, {"tiny": facts})
    weights = checkpoint("vit") / "open_clip_model.safetensors"
    if name.endswith(".bin"):
        torch.save(random_network("vit").state_dict(), tmp_path / name)
        weights = tmp_path / name
    hub.add("someone/clip", **{name.replace(".", "__"): weights.read_bytes(), "README__md": CARD})
    loaded = fetch(f"{architecture}:tiny", revision="v1")
    assert loaded.source == f"{architecture}:tiny@{COMMIT}"
    assert loaded.preprocessing.resize == "squash"
    assert loaded.preprocessing.mean == (0.1, 0.2, 0.3)
    assert loaded.licence.name == "apple-sample-code-license"
    expected = random_network("vit").state_dict()
    assert all(torch.equal(expected[k], v) for k, v in loaded.model.state_dict().items())


def test_the_licence_comes_before_the_weights(
    hub: SmallHub, fetch: Callable[..., Loaded], checkpoint: Callable[[str], Path]
) -> None:
    serve(hub, "someone/clip", checkpoint("vit"), README__md=CARD)
    with pytest.raises(LicenceUnaccepted) as caught:
        fetch("hf-hub:someone/clip", accept=False)
    assert "apple-sample-code-license" in str(caught.value)
    assert "https://huggingface.co/someone/clip/blob/main/LICENSE" in str(caught.value)
    assert "--accept-license" in caught.value.next_step
    assert "open_clip_model.safetensors" not in hub.bodies()


def test_what_is_no_clip_is_refused(hub: SmallHub, fetch: Callable[..., Loaded]) -> None:
    hub.add("someone/bert", config__json=b'{"model_type": "bert"}')
    with pytest.raises(TowerUnsupported, match="'bert', not of a CLIP"):
        fetch("hf-hub:someone/bert")
    hub.add("someone/else", README__md=b"hello")
    with pytest.raises(DownloadFailed, match=r"holds no open_clip_config.json or config.json"):
        fetch("hf-hub:someone/else")
    hub.add("someone/halved", config__json=b"{")
    with pytest.raises(CheckpointRefused, match="JSONDecodeError"):
        fetch("hf-hub:someone/halved")


def test_the_command_downloads_then_needs_no_network(
    hub: SmallHub,
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The manifest says what was taken, and under what; the same is there again offline."""
    serve(hub, "someone/clip", checkpoint("vit"), README__md=CARD)
    model = ("--model", "hf-hub:someone/clip", "--accept-license", "--out")
    done = subprocess.run(
        [sys.executable, "export/build_onnx.py", *model, str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "open_clip_model.safetensors, 1." in done.stderr
    assert "licence: apple-sample-code-license https://huggingface.co/someone/clip" in done.stderr
    manifest = decode_manifest((tmp_path / "out" / MANIFEST).read_bytes())
    assert done.stdout == f"{manifest.bundle}\n"
    assert manifest.model == f"hf-hub:someone/clip@{COMMIT}"
    assert manifest.licence.name == "apple-sample-code-license"
    assert manifest.licence.accepted

    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    cached = Hub(cache=tmp_path / "home" / "hub")
    again = load("hf-hub:someone/clip", accept_licence=True, hub=cached)
    assert again.source == manifest.model
    assert again.licence.name == manifest.licence.name
    assert hub.asked == []


def test_the_command_says_in_one_sentence_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(logging.root.manager, "disable", 0)  # the command raises it
    out = tmp_path / "out"
    model = ("--model", "ViT-B-16-quickgelu:dfn2b", "--accept-license", "--out", str(out))
    done = CliRunner().invoke(main, model)
    assert done.exit_code == 1
    assert done.stdout == ""
    *_, last = done.stderr.splitlines()
    assert last.startswith("Error: apple/DFN2B-CLIP-ViT-B-16 could not be downloaded: ")
    assert "HF_HUB_OFFLINE" in last
    assert not out.exists()
