"""Write a trained network as a checkpoint folder that open_clip's `local-dir:` can load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
import torch

from export.demo.model import clip_merges


def release(
    *, model: torch.nn.Module, config: dict[str, Any], trained: Sequence[str], folder: Path
) -> None:
    """fp16 weights, the configuration, the merges and the labels of the concepts trained on;
    whatever else is in the folder stays."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: weight.detach().to(torch.float16).contiguous()
        if weight.is_floating_point()
        else weight.contiguous()
        for name, weight in model.state_dict().items()
    }
    safetensors.torch.save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"
    )
    (folder / "merges.txt").write_text("\n".join(clip_merges()) + "\n", encoding="utf-8")
    (folder / "concepts.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(list(trained)), indent=1) + b"\n"
    )
