"""The demo network: open_clip's own CLIP class, small, and its tokenizer with fewer merges."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
import torch

from export.openclip import open_clip

CHECKPOINT = Path(__file__).parent / "checkpoint"
MERGES = 3584
"""CLIP's list has 48,894; the first ones are the commonest."""

IMAGE_TOWERS: dict[str, dict[str, Any]] = {
    "vit": {"image_size": 64, "patch_size": 8, "width": 128, "head_width": 32, "layers": 6},
    "resnet": {"image_size": 64, "patch_size": None, "width": 24, "layers": [1, 1, 1, 1]},
}
"""The demo network's own, of the family that DFNs are of, and its teacher's."""


def new_config(image_tower: str) -> dict[str, Any]:
    """open_clip_config.json of a network with that one of IMAGE_TOWERS."""
    return {
        "model_cfg": {
            "embed_dim": 128,
            "quick_gelu": False,
            "vision_cfg": dict(IMAGE_TOWERS[image_tower]),
            "text_cfg": {
                "context_length": 32,
                "vocab_size": 512 + MERGES + 2,
                "width": 128,
                "heads": 4,
                "layers": 2,
            },
        },
        "preprocess_cfg": {
            "size": 64,
            "mode": "RGB",
            "mean": [0.48145466, 0.4578275, 0.40821073],
            "std": [0.26862954, 0.26130258, 0.27577711],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
            "fill_color": 0,
        },
    }


def new_model(config: dict[str, Any]) -> torch.nn.Module:
    """A freshly initialised network (from torch's global generator)."""
    model: torch.nn.Module = open_clip.CLIP(**config["model_cfg"])
    return model


def load_model(folder: Path) -> torch.nn.Module:
    """The network of a checkpoint folder, in fp32, ready for inference."""
    config = msgspec.json.decode((folder / "open_clip_config.json").read_bytes())
    model = new_model(config)
    weights = safetensors.torch.load_file(folder / "open_clip_model.safetensors")
    model.load_state_dict({name: weight.float() for name, weight in weights.items()})
    return model.eval()


def clip_merges() -> list[str]:
    """The first MERGES of CLIP's byte-pair merges, from open_clip's own copy (MIT)."""
    path = Path(open_clip.tokenizer.default_bpe())
    return gzip.decompress(path.read_bytes()).decode().split("\n")[1 : MERGES + 1]


def new_tokenizer(merges: list[str], context_length: int) -> Any:
    """open_clip's SimpleTokenizer over those merges. Its reader wants a gzip file with a heading,
    and takes an empty last line for a merge."""
    with tempfile.NamedTemporaryFile(suffix=".txt.gz") as file:
        file.write(gzip.compress("\n".join(["#version: 0.2", *merges]).encode()))
        file.flush()
        return open_clip.SimpleTokenizer(bpe_path=file.name, context_length=context_length)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a checkpoint folder: texts -> int64 [texts, context_length]."""
    config = msgspec.json.decode((folder / "open_clip_config.json").read_bytes())
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    return new_tokenizer(merges, config["model_cfg"]["text_cfg"]["context_length"])
