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
from dva_agent.errors import DvaError

from export.checkpoints import KNOWN, Checkpoint, by_hub, by_tag
from export.errors import CheckpointRefused, LicenceUnaccepted, TowerUnsupported
from export.hub import Hub
from export.loading import load
from export.merges import clip_merges
from export.openclip import open_clip
from export.towers import image_weights, text_weights
from tests.export.conftest import random_network

ROOT = Path(__file__).parents[2]
BUILD = (sys.executable, "export/build_onnx.py")


def refusal(kind: type[DvaError], model: str, *, arch: str | None = None) -> str:
    with pytest.raises(kind) as caught:
        load(model, arch=arch, accept_licence=True)
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
    loaded = load(f"local-dir:{checkpoint('vit')}", accept_licence=True)
    assert loaded.preprocessing.resize == "squash"
    assert loaded.preprocessing.std == (0.5, 0.25, 0.5)
    assert loaded.source == "vit"
    assert loaded.licence.text == "Do as you like.\n"
    assert len(loaded.merges) == 600
    expected = random_network("vit").state_dict()
    assert all(torch.equal(expected[k], v) for k, v in loaded.model.state_dict().items())


@pytest.mark.parametrize("name", ["trained.pt", "plain.bin", "plain.safetensors"])
def test_a_file_loads_with_its_architecture(name: str, architecture: str, tmp_path: Path) -> None:
    made = load(f"random:{architecture}")
    weights = made.model.state_dict()
    path = tmp_path / name
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, path)
    elif name.startswith("trained"):  # as open_clip's own training saves it
        nested = {f"module.{key}": value for key, value in weights.items()}
        torch.save({"epoch": 3, "state_dict": nested}, path)
    else:
        torch.save(weights, path)
    loaded = load(str(path), arch=architecture, accept_licence=True)
    assert made.source == f"random:{architecture}"
    assert not made.accepted
    assert loaded.source == name
    assert loaded.accepted
    assert all(torch.equal(weights[name], v) for name, v in loaded.model.state_dict().items())
    assert "Don't pass them on" in loaded.licence.text
    assert "--arch" in refusal(CheckpointRefused, str(path))
    assert "--arch" in refusal(CheckpointRefused, str(path), arch="ViT-S-32-alt")


def test_a_file_is_held_to_the_activation_that_lies_beside(
    checkpoint: Callable[[str], Path], architecture: str, tmp_path: Path
) -> None:
    """`architecture` is the "vit" network with the other activation."""
    shutil.copytree(checkpoint("vit"), tmp_path / "vit")
    path = tmp_path / "vit" / "open_clip_model.safetensors"
    said = refusal(CheckpointRefused, str(path), arch=architecture)
    assert "trained with QuickGELU" in said
    assert f"--arch {architecture}-quickgelu" in said


def test_a_licence_has_to_be_accepted(
    checkpoint: Callable[[str], Path], architecture: str, tmp_path: Path
) -> None:
    for model, arch, says in (
        (f"local-dir:{checkpoint('vit')}", None, "see LICENSE.txt"),
        (str(tmp_path / "any.bin"), architecture, "not stated"),
    ):
        (tmp_path / "any.bin").touch()
        with pytest.raises(LicenceUnaccepted, match=says) as caught:
            load(model, arch=arch)
        assert "--accept-license" in caught.value.next_step
    assert not load("demo").accepted


def test_a_revision_is_for_what_is_downloaded(checkpoint: Callable[[str], Path]) -> None:
    for model in ("demo", "random:ViT-B-32", f"local-dir:{checkpoint('vit')}"):
        with pytest.raises(CheckpointRefused, match="--revision"):
            load(model, accept_licence=True, hub=Hub(revision="main"))


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.arch}:{known.tag}")
def test_known_facts_are_open_clips(known: Checkpoint) -> None:
    config = open_clip.get_model_config(known.arch)
    assert config["vision_cfg"]["image_size"] == known.size
    assert by_hub(known.hub) is known
    if not known.tag:
        assert by_tag(known.arch, known.tag) is None
        return
    facts = open_clip.pretrained.get_pretrained_cfg(known.arch, known.tag)
    assert facts["hf_hub"].rstrip("/") == known.hub
    assert bool(facts.get("quick_gelu", False)) == known.quick_gelu
    assert bool(config.get("quick_gelu", False)) == known.quick_gelu
    assert (facts.get("resize_mode") or "shortest") == known.resize
    assert by_tag(known.arch, known.tag.replace("_", "-")) is known


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
    assert "damaged or cut short" in refusal(CheckpointRefused, model)

    model = altered(whole, tmp_path / "cut")
    os.truncate(tmp_path / "cut" / "open_clip_model.safetensors", 10_000)
    assert "damaged or cut short" in refusal(CheckpointRefused, model)

    torch.save(random_network("vit").state_dict(), tmp_path / "cut.pt")
    os.truncate(tmp_path / "cut.pt", 10_000)
    assert "damaged or cut" in refusal(CheckpointRefused, str(tmp_path / "cut.pt"), arch="ViT-B-32")

    model = altered(whole, tmp_path / "words")
    (tmp_path / "words" / "open_clip_config.json").write_text("no JSON")
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


def test_no_code_in_a_pickle_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    pickle = tmp_path / "evil.pt"
    pickle.write_bytes(f"cos\nsystem\n(S'touch {mark}'\ntR.".encode())
    assert "could not load" in refusal(CheckpointRefused, str(pickle), arch="ViT-S-32-alt")
    assert not mark.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"preprocess_cfg": {"resize_mode": "longest"}},
        {"preprocess_cfg": {"interpolation": "bilinear"}},
        {"text_cfg__tokenizer_kwargs": {"clean": "canonicalize"}},
        {"text_cfg__hf_model_name": "someone/bert"},
    ],
    ids=["longest", "bilinear", "cleaning", "another text tower"],
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


def test_help_shows_examples() -> None:
    done = subprocess.run([*BUILD, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--model demo --weights q8 --out static/models/demo-q8" in done.stdout


def test_merges_are_the_first_of_clips() -> None:
    assert clip_merges(3) == ("i n", "t h", "a n")
    assert len(clip_merges(10**6)) == 48_894
