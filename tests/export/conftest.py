"""Small CLIPs with random weights, as checkpoint folders, and the bundles made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from export.bundle_writer import Written, write_bundle
from export.golden import golden_pairs
from export.loaded import Loaded
from export.loading import load
from export.merges import clip_merges
from export.openclip import open_clip
from export.reference import reference_inputs
from export.weights import Kind

MERGES = 600
TEXT = {"context_length": 32, "vocab_size": 514 + MERGES, "width": 64, "heads": 2, "layers": 2}
NETWORKS: dict[str, dict[str, Any]] = {
    "resnet": {
        "embed_dim": 64,
        "quick_gelu": False,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "head_width": 64},
        "text_cfg": TEXT,
    },
    "vit": {
        "embed_dim": 64,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 48,
            "layers": 3,
            "width": 64,
            "patch_size": 16,
            "head_width": 32,
        },
        "text_cfg": TEXT,
    },
}
PREPROCESSING = {
    "resnet": {"resize_mode": "shortest", "mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]},
    "vit": {"resize_mode": "squash", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.5]},
}


@dataclass(frozen=True, kw_only=True)
class Made:
    loaded: Loaded
    written: Written
    folder: Path
    network: str
    kind: Kind


def random_network(network: str) -> torch.nn.Module:
    """Every parameter and running statistic away from its neutral value: a term that the graph
    forgets must show."""
    generator = torch.Generator().manual_seed(7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model: torch.nn.Module = open_clip.CLIP(**NETWORKS[network])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1, generator=generator)
            elif parameter.ndim == 1 and "embedding" not in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.3, generator=generator)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2, generator=generator)
    return model.eval()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a network in open_clip's own layout."""
    folders: dict[str, Path] = {}

    def make(network: str) -> Path:
        if network not in folders:
            folder = tmp_path_factory.mktemp("checkpoints") / network
            folder.mkdir()
            weights = {k: v.contiguous() for k, v in random_network(network).state_dict().items()}
            safetensors.torch.save_file(weights, folder / "open_clip_model.safetensors")
            config = {"model_cfg": NETWORKS[network], "preprocess_cfg": PREPROCESSING[network]}
            (folder / "open_clip_config.json").write_text(json.dumps(config))
            (folder / "merges.txt").write_text("\n".join((*clip_merges(MERGES), "")))
            (folder / "LICENSE.txt").write_text("Do as you like.\n")
            folders[network] = folder
        return folders[network]

    return make


@pytest.fixture
def architecture(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a small architecture that open_clip knows for the time of a test: the "vit"
    network with exact GELU."""
    config = {**NETWORKS["vit"], "quick_gelu": False}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-tiny", config)
    return "ViT-tiny"


@pytest.fixture(scope="session")
def make_bundle(
    checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, Kind], Made]:
    """A bundle of a network, or of "demo", made once a session."""
    made: dict[tuple[str, Kind], Made] = {}

    def make(network: str, kind: Kind) -> Made:
        if (network, kind) not in made:
            name = "demo" if network == "demo" else f"local-dir:{checkpoint(network)}"
            loaded = load(name, accept_licence=True)
            folder = tmp_path_factory.mktemp("bundles") / f"{network}-{kind}"
            written = write_bundle(loaded, kind=kind, out=folder)
            made[network, kind] = Made(
                loaded=loaded, written=written, folder=folder, network=network, kind=kind
            )
        return made[network, kind]

    return make


@pytest.fixture(
    params=[("resnet", "fp32"), ("resnet", "q8"), ("vit", "fp32"), ("vit", "q8")],
    ids=lambda param: "-".join(param),
)
def made(request: pytest.FixtureRequest, make_bundle: Callable[[str, Kind], Made]) -> Made:
    """Each network with each kind of weights."""
    network, kind = request.param
    return make_bundle(network, kind)


@pytest.fixture(scope="session")
def golden_pixels() -> Callable[[Made], NDArray[np.uint8]]:
    """The golden pictures as a model's towers take them."""

    def make(made: Made) -> NDArray[np.uint8]:
        pairs = golden_pairs()
        return reference_inputs(
            made.loaded, [each.body for each in pairs], [each.pair.caption for each in pairs]
        ).pixels

    return make
