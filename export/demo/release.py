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
    *,
    model: torch.nn.Module,
    config: dict[str, Any],
    trained: Sequence[str],
    licences: str,
    folder: Path,
) -> None:
    """fp16 weights, configuration, merges, the labels of the concepts trained on, and licences.

    The model card and the report, written later, stay as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: weight.detach().to(torch.float16).contiguous()
        if weight.is_floating_point()
        else weight.contiguous()
        for name, weight in model.state_dict().items()
    }
    (folder / "open_clip_model.safetensors").write_bytes(safetensors.torch.save(weights))
    (folder / "open_clip_config.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"
    )
    (folder / "merges.txt").write_text("\n".join(clip_merges()) + "\n", encoding="utf-8")
    (folder / "concepts.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(list(trained)), indent=1) + b"\n"
    )
    (folder / "LICENSES.md").write_text(licences, encoding="utf-8")
