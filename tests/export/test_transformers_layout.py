"""Checkpoints in transformers' layout, against a forward pass written out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from export import transformers_layout
from export.bundle_writer import write_bundle
from export.errors import CheckpointRefused, TowerUnsupported
from export.loading import load
from export.openclip import open_clip
from tests.export import transformers_clip as theirs


def pictures() -> torch.Tensor:
    return torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def captions() -> torch.Tensor:
    """Short and long, padded with zeros and, as transformers' tokenizer does, with the end."""
    end = theirs.VOCABULARY - 1
    ids = torch.zeros(3, 32, dtype=torch.int64)
    ids[0, :4] = torch.tensor([end - 1, 5, 700, end])
    ids[1] = end
    ids[1, :6] = torch.tensor([end - 1, 9, 8, 7, 6, end])
    ids[2, :31] = torch.arange(31) + 40
    ids[2, 31] = end
    return ids


@pytest.mark.parametrize(
    ("act", "eos", "as_torch"),
    [
        ("quick_gelu", 2, False),
        ("gelu", theirs.VOCABULARY - 1, True),
        ("gelu", None, False),
    ],
)
def test_the_network_is_theirs(act: str, eos: int | None, as_torch: bool, tmp_path: Path) -> None:
    config = theirs.configuration(act=act, eos=eos)
    weights = theirs.random_weights(config)
    folder = theirs.save(tmp_path / "clip", config, weights, as_torch=as_torch)
    loaded = load(f"local-dir:{folder}", accept_licence=True)
    model: Any = loaded.model
    with torch.inference_mode():
        images = model.encode_image(pictures(), normalize=True)
        texts = model.encode_text(captions(), normalize=True)
    assert torch.allclose(
        images, theirs.embed_images(weights, config, pictures()), rtol=0, atol=2e-6
    )
    assert torch.allclose(texts, theirs.embed_texts(weights, config, captions()), rtol=0, atol=2e-6)
    assert images.std() > 0.05
    assert texts.std() > 0.05
    assert loaded.preprocessing.resize == "shortest"
    assert loaded.preprocessing.mean == tuple(theirs.MEAN)
    assert len(loaded.merges) == theirs.MERGES
    assert loaded.context_length == 32


def test_a_bundle_is_made_of_it(tmp_path: Path) -> None:
    config = theirs.configuration()
    folder = theirs.save(tmp_path / "clip", config, theirs.random_weights(config))
    loaded = load(f"local-dir:{folder}", accept_licence=True)
    written = write_bundle(loaded, kind="fp32", out=tmp_path / "bundle")
    assert written.comparison.largest_score <= 2e-6
    assert written.manifest.model == "clip"
    assert written.manifest.licence.accepted


def test_the_defaults_are_a_vit_b_32() -> None:
    """A config.json names only what differs from transformers' defaults."""
    found = transformers_layout.model_config({"vision_config": {}, "text_config": None})
    known = open_clip.get_model_config("ViT-B-32-quickgelu")
    assert found["quick_gelu"] is known["quick_gelu"] is True
    assert found["embed_dim"] == known["embed_dim"]
    for part in ("vision_cfg", "text_cfg"):
        assert {key: found[part][key] for key in known[part]} == known[part]
        assert found[part]["mlp_ratio"] == 4
        assert found[part]["norm_kwargs"] == {"eps": 1e-5}


def test_the_older_spelling_counts_for_more() -> None:
    config = {
        "projection_dim": 768,
        "vision_config": {"hidden_size": 64, "patch_size": 16},
        "vision_config_dict": {"hidden_size": 1024, "num_attention_heads": 16},
        "text_config": {},
        "text_config_dict": None,
    }
    found = transformers_layout.model_config(config)
    assert found["embed_dim"] == 768
    assert found["vision_cfg"]["width"] == 1024
    assert found["vision_cfg"]["head_width"] == 64
    assert found["vision_cfg"]["patch_size"] == 32
    assert found["text_cfg"]["width"] == 512


def test_the_width_of_the_mlp_survives_open_clips_rounding() -> None:
    for inner in range(1, 1000):
        part = {"hidden_size": 97, "intermediate_size": inner}
        found = transformers_layout.model_config({"vision_config": part})["vision_cfg"]
        assert int(found["width"] * found["mlp_ratio"]) == inner


@pytest.mark.parametrize(
    ("record", "resize"),
    [
        ({}, "shortest"),
        ({"size": 224, "crop_size": 224, "resample": 3}, "shortest"),
        ({"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}, "shortest"),
        ({"size": {"height": 224, "width": 224}, "do_center_crop": False}, "squash"),
    ],
)
def test_pictures_are_prepared_as_the_processor_says(record: dict[str, Any], resize: str) -> None:
    found = transformers_layout.preprocess_config(record, 224)
    assert found["resize_mode"] == resize
    assert found["size"] == 224
    assert found["mean"] == open_clip.constants.OPENAI_DATASET_MEAN
    assert found["std"] == open_clip.constants.OPENAI_DATASET_STD


def test_the_image_processor_is_found_in_old_files_and_new() -> None:
    alone = {"image_mean": [0, 0, 0], "size": 224}
    nested = {"processor_class": "CLIPProcessor", "image_processor": {"size": 336}}
    find = transformers_layout.image_processor
    assert find(nested, alone) == find(nested, {}) == {"size": 336}
    assert find({"processor_class": "CLIPProcessor"}, alone) is alone
    assert find({}, {}) == {}


@pytest.mark.parametrize(
    "record",
    [
        {"size": 256},
        {"crop_size": 192},
        {"size": {"shortest_edge": 224}, "do_center_crop": False},
        {"size": {"height": 224, "width": 336}},
        {"resample": 2},
        {"rescale_factor": 1 / 127.5},
        {"do_normalize": False},
        {"do_resize": False},
    ],
)
def test_other_processors_are_refused(record: dict[str, Any]) -> None:
    with pytest.raises(TowerUnsupported):
        transformers_layout.preprocess_config(record, 224)


@pytest.mark.parametrize(
    ("part", "changes", "says"),
    [
        ("text_config", {"hidden_act": "gelu"}, "gelu and quick_gelu"),
        ("vision_config", {"num_channels": 1}, "1 channels"),
        ("text_config", {"eos_token_id": 7}, "token 7"),
        ("vision_config", {"num_hidden_layers": 1}, "not those of the architecture"),
        ("vision_config", {"image_size": "large"}, "could not load"),
        ("text_config", {"vocab_size": 600, "eos_token_id": 2}, "not those of the architecture"),
        (None, {"model_type": "siglip"}, "siglip"),
        (None, {"model_type": "blip", "vision_config": {}}, "blip"),
    ],
)
def test_what_does_not_fit_is_refused(
    part: str | None, changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    config = theirs.configuration()
    folder = theirs.save(tmp_path / "clip", config, theirs.random_weights(config))
    (config if part is None else config[part]).update(changes)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises((CheckpointRefused, TowerUnsupported), match=says) as caught:
        load(f"local-dir:{folder}", accept_licence=True)
    assert "\n" not in str(caught.value)


def test_weights_without_a_place_are_refused(tmp_path: Path) -> None:
    config = theirs.configuration()
    weights = theirs.random_weights(config)
    for key, says in {
        "vision_model.encoder.layers.0.adapter.weight": "adapter",
        "vision_model.head.weight": "head",
    }.items():
        folder = theirs.save(tmp_path / says, config, {**weights, key: torch.zeros(2)})
        with pytest.raises(TowerUnsupported, match=says):
            load(f"local-dir:{folder}", accept_licence=True)
    del weights["text_model.encoder.layers.1.self_attn.k_proj.bias"]
    folder = theirs.save(tmp_path / "without", config, weights)
    with pytest.raises(CheckpointRefused, match="k_proj"):
        load(f"local-dir:{folder}", accept_licence=True)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointRefused, match="nor pytorch_model"):
        load(f"local-dir:{folder}", accept_licence=True)


def test_other_merges_are_refused(tmp_path: Path) -> None:
    config = theirs.configuration()
    folder = theirs.save(tmp_path / "clip", config, theirs.random_weights(config))
    (folder / "merges.txt").write_text("#version: 0.2\na b\n")
    with pytest.raises(TowerUnsupported, match="merges"):
        load(f"local-dir:{folder}", accept_licence=True)
