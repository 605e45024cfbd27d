"""A random CLIP as transformers' CLIPModel saves it, and its forward pass written out by hand.

Nothing of export/ or open_clip computes here: names, shapes and arithmetic are those of
transformers' modeling_clip.py, spelled out once more, as an oracle for the translation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch.nn import functional

from export.merges import clip_merges

MERGES = 600
VOCABULARY = 514 + MERGES
MEAN, STD = [0.5, 0.4, 0.3], [0.25, 0.5, 0.3]

Tensors = dict[str, torch.Tensor]


def configuration(*, act: str = "quick_gelu", size: int = 48, eos: int | None = 2) -> Any:
    text = {
        "hidden_act": act,
        "hidden_size": 32,
        "intermediate_size": 80,
        "layer_norm_eps": 1e-3,
        "max_position_embeddings": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": VOCABULARY,
    }
    vision = {
        "hidden_act": act,
        "hidden_size": 48,
        "image_size": size,
        "intermediate_size": 96,
        "layer_norm_eps": 1e-3,
        "num_attention_heads": 3,
        "num_hidden_layers": 2,
        "patch_size": 16,
    }
    if eos is not None:
        text["eos_token_id"] = eos
    return {
        "model_type": "clip",
        "projection_dim": 24,
        "text_config": text,
        "vision_config": vision,
    }


def random_weights(config: Any) -> Tensors:
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int, scale: float = 0.2, around: float = 0.0) -> torch.Tensor:
        return around + scale * torch.randn(*shape, generator=generator)

    text, vision, out = config["text_config"], config["vision_config"], config["projection_dim"]
    patches = (vision["image_size"] // vision["patch_size"]) ** 2
    weights = {
        "logit_scale": torch.tensor(3.0),
        "text_projection.weight": draw(out, text["hidden_size"]),
        "visual_projection.weight": draw(out, vision["hidden_size"]),
        "text_model.embeddings.token_embedding.weight": draw(VOCABULARY, text["hidden_size"]),
        "text_model.embeddings.position_embedding.weight": draw(
            text["max_position_embeddings"], text["hidden_size"]
        ),
        "text_model.embeddings.position_ids": torch.arange(32)[None],
        "vision_model.embeddings.class_embedding": draw(vision["hidden_size"]),
        "vision_model.embeddings.patch_embedding.weight": draw(
            vision["hidden_size"], 3, vision["patch_size"], vision["patch_size"], scale=0.05
        ),
        "vision_model.embeddings.position_embedding.weight": draw(
            patches + 1, vision["hidden_size"]
        ),
    }
    norms = {
        "text_model.final_layer_norm": text["hidden_size"],
        "vision_model.pre_layrnorm": vision["hidden_size"],
        "vision_model.post_layernorm": vision["hidden_size"],
    }
    for tower, part in (("text_model", text), ("vision_model", vision)):
        width, inner = part["hidden_size"], part["intermediate_size"]
        for number in range(part["num_hidden_layers"]):
            block = f"{tower}.encoder.layers.{number}"
            norms |= {f"{block}.layer_norm1": width, f"{block}.layer_norm2": width}
            for name, rows, columns in (
                *((f"self_attn.{part}_proj", width, width) for part in ("q", "k", "v", "out")),
                ("mlp.fc1", inner, width),
                ("mlp.fc2", width, inner),
            ):
                weights[f"{block}.{name}.weight"] = draw(rows, columns)
                weights[f"{block}.{name}.bias"] = draw(rows)
    for name, width in norms.items():
        weights[f"{name}.weight"] = draw(width, around=1.0)
        weights[f"{name}.bias"] = draw(width)
    return weights


def save(folder: Path, config: Any, weights: Tensors, *, as_torch: bool = False) -> Path:
    """The files of a checkpoint, as save_pretrained writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    size = config["vision_config"]["image_size"]
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "crop_size": {"height": size, "width": size},
                "do_center_crop": True,
                "image_mean": MEAN,
                "image_std": STD,
                "resample": 3,
                "size": {"shortest_edge": size},
            }
        )
    )
    lines = ("#version: 0.2", *clip_merges(MERGES), "")
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    if as_torch:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        safetensors.torch.save_file(weights, folder / "model.safetensors")
    return folder


def embed_images(weights: Tensors, config: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Normalised pixels [N, 3, S, S] -> unit rows [N, D]."""
    part, tower = config["vision_config"], "vision_model"
    x = functional.conv2d(
        pixels, weights[f"{tower}.embeddings.patch_embedding.weight"], stride=part["patch_size"]
    )
    x = x.flatten(2).transpose(1, 2)
    first = weights[f"{tower}.embeddings.class_embedding"].expand(len(x), 1, -1)
    x = torch.cat([first, x], 1) + weights[f"{tower}.embeddings.position_embedding.weight"]
    x = _norm(weights, f"{tower}.pre_layrnorm", x, part)
    x = _encoder(weights, tower, x, part, causal=False)
    x = _norm(weights, f"{tower}.post_layernorm", x[:, 0], part)
    return functional.normalize(x @ weights["visual_projection.weight"].T, dim=-1)


def embed_texts(weights: Tensors, config: Any, ids: torch.Tensor) -> torch.Tensor:
    """Ids [N, T] -> unit rows [N, D], pooled where transformers pools."""
    part, tower = config["text_config"], "text_model"
    x = weights[f"{tower}.embeddings.token_embedding.weight"][ids]
    x = x + weights[f"{tower}.embeddings.position_embedding.weight"][: ids.shape[1]]
    x = _encoder(weights, tower, x, part, causal=True)
    x = _norm(weights, f"{tower}.final_layer_norm", x, part)
    end = part.get("eos_token_id", 2)
    places = (ids if end == 2 else (ids == end).int()).argmax(1)
    x = x[torch.arange(len(x)), places]
    return functional.normalize(x @ weights["text_projection.weight"].T, dim=-1)


def _encoder(weights: Tensors, tower: str, x: torch.Tensor, part: Any, *, causal: bool) -> Any:
    heads, width, length = part["num_attention_heads"], part["hidden_size"], x.shape[1]
    head = width // heads
    mask = torch.full((length, length), float("-inf")).triu(1) if causal else torch.zeros(1)
    for number in range(part["num_hidden_layers"]):
        block = f"{tower}.encoder.layers.{number}"

        def linear(name: str, y: torch.Tensor, block: str = block) -> torch.Tensor:
            return y @ weights[f"{block}.{name}.weight"].T + weights[f"{block}.{name}.bias"]

        y = _norm(weights, f"{block}.layer_norm1", x, part)
        queries, keys, values = (
            linear(f"self_attn.{kind}_proj", y).unflatten(-1, (heads, head)).transpose(1, 2)
            for kind in ("q", "k", "v")
        )
        seen = (queries * head**-0.5 @ keys.transpose(2, 3) + mask).softmax(-1) @ values
        x = x + linear("self_attn.out_proj", seen.transpose(1, 2).flatten(2))
        y = linear("mlp.fc1", _norm(weights, f"{block}.layer_norm2", x, part))
        if part["hidden_act"] == "quick_gelu":
            y = y * torch.sigmoid(1.702 * y)
        else:
            y = y * 0.5 * (1 + torch.erf(y / 2**0.5))
        x = x + linear("mlp.fc2", y)
    return x


def _norm(weights: Tensors, name: str, x: torch.Tensor, part: Any) -> torch.Tensor:
    middle = x - x.mean(-1, keepdim=True)
    scale = (middle.square().mean(-1, keepdim=True) + part["layer_norm_eps"]).rsqrt()
    return middle * scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]
