"""Checkpoints: what loads, and what is refused in one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from dva_agent.bundle import MANIFEST, decode_manifest
from dva_agent.errors import DvaError

from export.checkpoints import KNOWN, Checkpoint, by_hub, by_tag
from export.errors import CheckpointRefused, TowerUnsupported
from export.loading import load
from export.merges import clip_merges
from export.openclip import open_clip
from export.towers import image_weights, text_weights
from tests.export.conftest import random_network

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "export/build_onnx.py")


def refusal(kind: type[DvaError], model: str, *, arch: str | None = None) -> str:
    with pytest.raises(kind) as caught:
        load(model, arch=arch)
    assert "\n" not in str(caught.value)
    return f"{caught.value} {caught.value.next_step}"


def altered(folder: Path, to: Path, **changes: object) -> str:
    """A copy of a checkpoint folder with other values in its text_cfg or vision_cfg."""
    shutil.copytree(folder, to)
    config = json.loads((to / "open_clip_config.json").read_text())
    for path, value in changes.items():
        part, _, key = path.partition("__")
        (config["model_cfg"][part] if key else config)[key or path] = value
    (to / "open_clip_config.json").write_text(json.dumps(config))
    return f"local-dir:{to}"


def test_a_folder_keeps_its_preprocessing_and_licence(checkpoint: Callable[[str], Path]) -> None:
    loaded = load(f"local-dir:{checkpoint('vit')}")
    assert loaded.preprocessing.resize == "squash"
    assert loaded.preprocessing.std == (0.5, 0.25, 0.5)
    assert loaded.source == "vit"
    assert loaded.licence.text == "Do as you like.\n"
    assert len(loaded.merges) == 600
    expected = random_network("vit").state_dict()
    assert all(torch.equal(expected[k], v) for k, v in loaded.model.state_dict().items())


def test_a_file_loads_with_its_architecture(tmp_path: Path) -> None:
    made = load("random:ViT-S-32-alt")
    weights = made.model.state_dict()
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}}, path)
    loaded = load(str(path), arch="ViT-S-32-alt")
    assert made.source == "random:ViT-S-32-alt"
    assert loaded.source == "weights.pt"
    assert len(loaded.merges) == 48_894
    assert all(torch.equal(weights[name], v) for name, v in loaded.model.state_dict().items())
    assert "Don't pass them on" in loaded.licence.text
    assert "--arch" in refusal(CheckpointRefused, str(path))
    assert "architecture" in refusal(CheckpointRefused, str(path), arch="ViT-S-16-alt")


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.arch}:{known.tag}")
def test_known_facts_are_open_clips(known: Checkpoint) -> None:
    facts = open_clip.pretrained.get_pretrained_cfg(known.arch, known.tag)
    config = open_clip.get_model_config(known.arch)
    assert facts["hf_hub"].rstrip("/") == known.hub
    assert bool(facts.get("quick_gelu", False)) == known.quick_gelu
    assert bool(config.get("quick_gelu", False)) == known.quick_gelu
    assert (facts.get("resize_mode") or "shortest") == known.resize
    assert config["vision_cfg"]["image_size"] == known.size
    assert by_tag(known.arch, known.tag.replace("_", "-")) is known
    assert by_hub(known.hub) is known


@pytest.mark.parametrize(
    ("model", "right"),
    [
        ("ViT-B-16:dfn2b", "ViT-B-16-quickgelu:dfn2b"),
        ("ViT-H-14-378:dfn5b", "ViT-H-14-378-quickgelu:dfn5b"),
        ("ViT-B-32:openai", "ViT-B-32-quickgelu:openai"),
    ],
)
def test_the_wrong_activation_is_refused(model: str, right: str) -> None:
    assert right in refusal(CheckpointRefused, model)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("ViT-B-16-quickgelu:no_such_tag", "dfn2b"),
        ("NoSuchNet:dfn2b", "no architecture"),
        ("random:NoSuchNet", "no architecture"),
        ("no/such/file.safetensors", "no file"),
        ("local-dir:/no/such/folder", "open_clip_config.json"),
        ("local-dir:", "no weights"),
    ],
)
def test_unknown_names_are_refused(model: str, says: str) -> None:
    if model == "local-dir:":
        assert "no file" in refusal(CheckpointRefused, model)
    else:
        assert says in refusal(CheckpointRefused, model)


def test_broken_checkpoints_are_refused(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    whole = checkpoint("vit")
    model = altered(whole, tmp_path / "without")
    (tmp_path / "without" / "open_clip_model.safetensors").unlink()
    assert "could not load" in refusal(CheckpointRefused, model)

    model = altered(whole, tmp_path / "garbage")
    (tmp_path / "garbage" / "open_clip_model.safetensors").write_bytes(b"not weights at all")
    assert "could not load" in refusal(CheckpointRefused, model)

    model = altered(whole, tmp_path / "nan")
    weights = safetensors.torch.load_file(whole / "open_clip_model.safetensors")
    weights["visual.proj"][0, 0] = float("nan")
    safetensors.torch.save_file(weights, tmp_path / "nan" / "open_clip_model.safetensors")
    assert "visual.proj" in refusal(CheckpointRefused, model)

    model = altered(whole, tmp_path / "shape", text_cfg__layers=1)
    assert "not those of the architecture" in refusal(CheckpointRefused, model)

    model = altered(whole, tmp_path / "merges")
    (tmp_path / "merges" / "merges.txt").write_text("a b\n")
    assert "merges" in refusal(TowerUnsupported, model)

    pickle = tmp_path / "evil.pt"
    pickle.write_bytes(b"cos\nsystem\n(S'touch /tmp/evil'\ntR.")
    assert "could not load" in refusal(CheckpointRefused, str(pickle), arch="ViT-B-32")


@pytest.mark.parametrize(
    "changes",
    [
        {"preprocess_cfg": {"resize_mode": "longest"}},
        {"preprocess_cfg": {"interpolation": "bilinear"}},
        {"text_cfg__tokenizer_kwargs": {"clean": "canonicalize"}},
    ],
    ids=["longest", "bilinear", "cleaning"],
)
def test_other_preprocessing_is_refused(
    changes: dict[str, object], checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    refusal(TowerUnsupported, altered(checkpoint("vit"), tmp_path / "other", **changes))


@pytest.mark.parametrize(
    ("part", "changes", "says"),
    [
        ("vision_cfg", {"pool_type": "avg"}, "class token"),
        ("vision_cfg", {"attentional_pool": True}, "class token"),
        ("vision_cfg", {"ls_init_value": 0.1}, "layer scale"),
        ("vision_cfg", {"qk_norm": True}, "blocks"),
        ("text_cfg", {"no_causal_mask": True}, "causal"),
        ("text_cfg", {"pool_type": "last"}, "last"),
        ("text_cfg", {"proj_bias": True}, "plain matrix"),
        ("text_cfg", {"act_kwargs": {"approximate": "tanh"}}, "activation"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_what_the_graph_writer_does_not_know_is_refused(
    part: str, changes: dict[str, object], says: str
) -> None:
    config: dict[str, dict[str, object]] = {
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 514, "width": 64, "heads": 1, "layers": 1},
    }
    config[part].update(changes)
    model = open_clip.CLIP(embed_dim=64, **config)
    half = (0.5, 0.5, 0.5)
    with pytest.raises(TowerUnsupported, match=says):
        image_weights(model, half, half)
        text_weights(model)


def test_offline_a_download_is_refused_in_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    for model in ("ViT-B-16-quickgelu:dfn2b", "hf-hub:apple/DFN2B-CLIP-ViT-B-16"):
        done = subprocess.run(
            [*BUILD, "--model", model, "--out", str(tmp_path / "out")],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        assert f"{model} could not be downloaded" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()


def test_a_hub_model_loads_from_the_cache(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """The hub's own cache layout stands in for a download."""
    cached = tmp_path / "hub" / "hub" / "models--someone--clip"
    snapshot = "0123456789" * 4
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(snapshot)
    shutil.copytree(checkpoint("vit"), cached / "snapshots" / snapshot)
    done = subprocess.run(
        [*BUILD, "--model", "hf-hub:someone/clip", "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    manifest = decode_manifest((tmp_path / "out" / MANIFEST).read_bytes())
    assert done.stdout == f"{manifest.bundle}\n"
    assert manifest.model == "hf-hub:someone/clip"
    assert manifest.licence.url == "https://huggingface.co/someone/clip"
    assert manifest.preprocessing.resize == "squash"


def test_help_shows_examples() -> None:
    done = subprocess.run([*BUILD, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--model demo --weights q8 --out static/models/demo-q8" in done.stdout


def test_merges_are_the_first_of_clips() -> None:
    assert clip_merges(3) == ("i n", "t h", "a n")
    assert len(clip_merges(10**6)) == 48_894
