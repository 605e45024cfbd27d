"""A CLIP as transformers' CLIPModel lays it out, said in open_clip's words.

    config.json                               text_config, vision_config, projection_dim
    model.safetensors or pytorch_model.bin    text_model.*, vision_model.*, two projections
    processor_config.json                     its image_processor is a CLIPImageProcessor's
    preprocessor_config.json                  the same by itself; with neither, CLIP's own values

Here queries, keys and values are three matrices, there one; here projections are [out, in], there
[in, out]. Only plain translation: open_clip builds the network, and transformers isn't needed.
Source: transformers' configuration_clip.py and modeling_clip.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from export.errors import TowerUnsupported

CONFIG = "config.json"
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")

Record = Mapping[str, Any]
Tensors = Mapping[str, torch.Tensor]

COMMON = {
    "num_hidden_layers": 12,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
TEXT_DEFAULTS = {
    **COMMON,
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
}
VISION_DEFAULTS = {
    **COMMON,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 32,
}
"""CLIPTextConfig's and CLIPVisionConfig's: a config.json names only what differs from them."""
HIGHEST_ID = 2
"""As eos_token_id, in configurations of before 2023: the highest id of the caption ends it."""
BICUBIC = 3
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

WHOLE = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm": "ln_final",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm": "visual.ln_pre",  # sic
    "vision_model.post_layernorm": "visual.ln_post",
}
TRANSPOSED = {
    "visual_projection.weight": "visual.proj",
    "text_projection.weight": "text_projection",
}
IN_BLOCK = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
BLOCKS = {
    "text_model.encoder.layers.": "transformer.resblocks.",
    "vision_model.encoder.layers.": "visual.transformer.resblocks.",
}
PARTS = ("q", "k", "v")


def is_clip(config: Record) -> bool:
    """Whether a config.json is a CLIPModel's."""
    named = config.get("model_type", "clip") == "clip"
    return named and any(f"vision_config{end}" in config for end in ("", "_dict"))


def model_config(config: Record) -> dict[str, Any]:
    """open_clip's model_cfg for a config.json. Raises TowerUnsupported."""
    text, vision = _part(config, "text", TEXT_DEFAULTS), _part(config, "vision", VISION_DEFAULTS)
    acts = {str(part["hidden_act"]) for part in (text, vision)}
    if len(acts) != 1 or not acts <= {"quick_gelu", "gelu"}:
        raise TowerUnsupported(f"Its towers compute with {' and '.join(sorted(acts))}.")
    end = text.get("eos_token_id", HIGHEST_ID)
    if end not in (HIGHEST_ID, text["vocab_size"] - 1):
        raise TowerUnsupported(f"Its captions end at token {end}, which isn't the highest.")
    if vision["num_channels"] != 3:
        raise TowerUnsupported(f"It takes pictures of {vision['num_channels']} channels.")
    return {
        "embed_dim": config.get("projection_dim", 512),
        "quick_gelu": acts == {"quick_gelu"},
        "vision_cfg": {
            **_blocks(vision),
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "head_width": vision["hidden_size"] // vision["num_attention_heads"],
        },
        "text_cfg": {
            **_blocks(text),
            "heads": text["num_attention_heads"],
            "context_length": text["max_position_embeddings"],
            "vocab_size": text["vocab_size"],
        },
    }


def _part(config: Record, name: str, defaults: Record) -> dict[str, Any]:
    """text_config_dict, of old files, counts for more than text_config, and so do its defaults."""
    return {**defaults, **(config.get(f"{name}_config_dict") or config.get(f"{name}_config") or {})}


def _blocks(part: Record) -> dict[str, Any]:
    width, inner = part["hidden_size"], part["intermediate_size"]
    ratio = inner / width
    if int(width * ratio) != inner:  # open_clip multiplies again, and rounds down
        ratio = math.nextafter(ratio, math.inf)
    return {
        "layers": part["num_hidden_layers"],
        "width": width,
        "mlp_ratio": ratio,
        "norm_kwargs": {"eps": part["layer_norm_eps"]},
    }


def image_processor(together: Record, alone: Record) -> Record:
    """The image processor's values, from the two of PROCESSORS, in their order; {} for no file.
    transformers 5 puts all processors of a model into the first."""
    nested: Record = together.get("image_processor") or alone
    return nested


def preprocess_config(record: Record, size: int) -> dict[str, Any]:
    """open_clip's preprocess_cfg for an image processor's values, if any, and a tower that takes
    pictures of `size`. Raises TowerUnsupported."""
    resized, cropped = record.get("size", size), record.get("crop_size", size)
    if isinstance(resized, Mapping) and "shortest_edge" not in resized:
        mode, target = "squash", _square(resized)
    else:
        mode = "shortest"
        target = resized["shortest_edge"] if isinstance(resized, Mapping) else resized
    crop = _square(cropped) if isinstance(cropped, Mapping) else cropped
    crops = bool(record.get("do_center_crop", True))
    expected = (
        bool(record.get("do_resize", True)),
        bool(record.get("do_normalize", True)),
        bool(record.get("do_rescale", True)),
        record.get("resample", BICUBIC),
        round(255 * record.get("rescale_factor", 1 / 255), 6),
    )
    if expected != (True, True, True, BICUBIC, 1):
        raise TowerUnsupported("Its pictures aren't resized with bicubic and normalised.")
    if target != size or (crops and crop != size) or (mode == "shortest" and not crops):
        raise TowerUnsupported(
            f"Its pictures are resized to {resized} and cropped to {cropped}, but its tower takes "
            f"{size} px."
        )
    return {
        "size": size,
        "mode": "RGB",
        "mean": tuple(record.get("image_mean", OPENAI_MEAN)),
        "std": tuple(record.get("image_std", OPENAI_STD)),
        "interpolation": "bicubic",
        "resize_mode": mode,
        "fill_color": 0,
    }


def _square(sides: Record) -> int:
    height, width = int(sides.get("height", 0)), int(sides.get("width", 0))
    if height != width:
        raise TowerUnsupported(f"It takes pictures of {width} x {height}.")
    return height


def state_dict(theirs: Tensors) -> dict[str, torch.Tensor]:
    """open_clip's names and shapes. Raises TowerUnsupported for a tensor that has no place."""
    ours: dict[str, torch.Tensor] = {}
    for key in theirs:
        if key.endswith(".position_ids"):  # 0, 1, 2...: a buffer of older versions
            continue
        if key in TRANSPOSED:
            ours[TRANSPOSED[key]] = theirs[key].T.contiguous()
        elif ".self_attn." in key and ".out_proj." not in key:
            attention, _, last = key.partition(".self_attn.")
            kind = last.rpartition(".")[2]
            ours[f"{_in_block(f'{attention}.self_attn')}.in_proj_{kind}"] = torch.cat(
                [theirs[f"{attention}.self_attn.{part}_proj.{kind}"] for part in PARTS]
            )
        else:
            ours[_renamed(key)] = theirs[key]
    return ours


def _renamed(key: str) -> str:
    if key in WHOLE:
        return WHOLE[key]
    stem, _, kind = key.rpartition(".")
    return f"{WHOLE.get(stem) or _in_block(stem)}.{kind}"


def _in_block(stem: str) -> str:
    """text_model.encoder.layers.7.mlp.fc1 -> transformer.resblocks.7.mlp.c_fc"""
    for theirs, ours in BLOCKS.items():
        if stem.startswith(theirs):
            number, _, rest = stem.removeprefix(theirs).partition(".")
            name = "attn" if rest == "self_attn" else IN_BLOCK.get(rest)
            if number.isdigit() and name:
                return f"{ours}{number}.{name}"
    raise TowerUnsupported(f"Its weights hold {stem}, which a plain CLIP hasn't.")
