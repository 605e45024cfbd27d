"""A folder with a network's configuration and weights, in open_clip's layout or transformers'.

A folder of the user's own and a snapshot in the hub's cache are the same thing here. Weights are
read as safetensors, or as torch's files without running the code that a pickle may carry.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from export import transformers_layout as theirs
from export.creation import ask, build
from export.errors import CheckpointRefused, TowerUnsupported
from export.openclip import open_clip

OPEN_CLIP_CONFIG = "open_clip_config.json"
CONFIGS = (OPEN_CLIP_CONFIG, theirs.CONFIG)
WEIGHTS = {
    "open_clip": (
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.safetensors",
        "open_clip_pytorch_model.bin",
    ),
    "transformers": theirs.WEIGHTS_FILES,
}


@dataclass(frozen=True, kw_only=True)
class Folder:
    path: Path
    what: str
    """How refusals call it."""
    layout: Literal["open_clip", "transformers"]
    model: dict[str, Any]
    """open_clip's model_cfg."""

    @property
    def quick_gelu(self) -> bool:
        return bool(self.model.get("quick_gelu", False))

    @property
    def text(self) -> dict[str, Any]:
        """open_clip's text_cfg."""
        text: dict[str, Any] = self.model["text_cfg"]
        return text


def open_folder(path: Path, *, what: str) -> Folder:
    """Read the configuration. Raises CheckpointRefused, TowerUnsupported."""
    if (path / OPEN_CLIP_CONFIG).is_file():
        model = ask(lambda: _record(path / OPEN_CLIP_CONFIG)["model_cfg"], what=what)
        if "hf_model_name" in model.get("text_cfg", {}):
            raise TowerUnsupported("Its text tower is one of transformers' own.")
        return Folder(path=path, what=what, layout="open_clip", model=model)
    if not (path / theirs.CONFIG).is_file():
        raise CheckpointRefused(
            f"{what} holds neither {' nor '.join(CONFIGS)}.",
            next_step="Give a folder as open_clip or transformers saves it, or a file with --arch.",
        )
    record = ask(lambda: _record(path / theirs.CONFIG), what=what)
    if not theirs.is_clip(record):
        raise TowerUnsupported(
            f"Its {theirs.CONFIG} is of the kind '{record.get('model_type')}', not of a CLIP."
        )
    model = ask(lambda: theirs.model_config(record), what=what)
    return Folder(path=path, what=what, layout="transformers", model=model)


def build_folder(folder: Folder) -> nn.Module:
    """The network with its weights. Raises CheckpointRefused, TowerUnsupported."""
    if folder.layout == "open_clip":
        name = f"local-dir:{folder.path}"
        return build(
            lambda: open_clip.create_model(name, require_pretrained=True), what=folder.what
        )
    return build(lambda: _from_transformers(folder), what=folder.what)


def _from_transformers(folder: Folder) -> nn.Module:
    found = [folder.path / name for name in theirs.WEIGHTS_FILES if (folder.path / name).is_file()]
    if not found:
        raise CheckpointRefused(
            f"{folder.what} holds neither {' nor '.join(theirs.WEIGHTS_FILES)}.",
            next_step="Weights in several files have to be saved as one first (max_shard_size).",
        )
    weights = theirs.state_dict(open_clip.factory.load_state_dict(str(found[0])))
    network: nn.Module = open_clip.CLIP(**folder.model)
    network.load_state_dict(weights)
    beside = [folder.path / name for name in theirs.PROCESSORS]
    processor = theirs.image_processor(
        *(_record(path) if path.is_file() else {} for path in beside)
    )
    preprocessing = theirs.preprocess_config(processor, folder.model["vision_cfg"]["image_size"])
    open_clip.model.set_model_preprocess_cfg(network, preprocessing)
    return network


def _record(path: Path) -> dict[str, Any]:
    record = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError(f"{path.name} isn't an object")
    return record
