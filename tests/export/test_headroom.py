"""What would leave fp16 is found, and kept out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch
from dva_agent.native.pairs import Pair

from export.bundle_writer import write_bundle
from export.card import CARD
from export.errors import BundleRefused
from export.expected import Towers
from export.fidelity import Proof
from export.graphs import write_towers
from export.headroom import (
    FEWEST_FOLD,
    HEADROOM,
    LARGEST_HALF,
    Headroom,
    Value,
    held_in_half,
    judged,
    table,
    tower_headroom,
)
from export.loaded import Loaded
from export.loading import load
from export.variants import HALF, HALF_FUSED
from export.weights import Kind
from tests.export.conftest import Made
from tests.export.inputs import random_inputs

TALL = 3e4
"""Times a layer's weights: its activations pass 65,504."""


@pytest.fixture
def tall(checkpoint: Callable[[str], Path]) -> Loaded:
    """A small ViT whose second block widens to huge activations, and narrows them again."""
    loaded = load(f"local-dir:{checkpoint('vit')}", accept_licence=True)
    model: Any = loaded.model
    with torch.no_grad():
        model.visual.transformer.resblocks[1].mlp.c_fc.weight.mul_(TALL)
        model.visual.transformer.resblocks[1].mlp.c_proj.weight.div_(TALL)
    return loaded


def pixels_of(loaded: Loaded) -> np.ndarray:
    return random_inputs(
        count=6,
        size=loaded.preprocessing.size,
        context_length=loaded.context_length,
        vocab_size=loaded.vocab_size,
        seed=5,
    ).pixels


def test_a_linear_with_huge_activations_is_kept_wide(tall: Loaded, tmp_path: Path) -> None:
    """torch's own largest activation is the one found, and only its layer's linears are named."""
    model: Any = tall.model
    seen: list[float] = []
    hook = model.visual.transformer.resblocks[1].mlp.c_fc.register_forward_hook(
        lambda module, args, output: seen.append(float(output.abs().max()))
    )
    pixels = pixels_of(tall)
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (tall.preprocessing.mean, tall.preprocessing.std)
    )
    with torch.inference_mode():
        model.encode_image((torch.from_numpy(pixels).float() / 255 - mean) / std)
    hook.remove()
    write_towers(tall, "fp32", tmp_path, largest_file=1000)
    found = tower_headroom(tmp_path / "image.onnx", pixels)
    assert found.tightest[0].name in ("block_1.widen", "block_1.widen.matmul")
    assert found.tightest[0].largest > LARGEST_HALF
    assert found.tightest[0].fold < 1
    by_name = {value.name: value for value in found.tightest}
    assert by_name["block_1.widen"].largest == pytest.approx(max(seen), rel=0.01)
    assert found.wide == ["block_1.narrow", "block_1.widen"]


def test_a_guarded_half_graph_stays_finite_and_near(tall: Loaded, tmp_path: Path) -> None:
    """Without the guard it is neither; the bundle says what was done."""
    written = write_bundle(tall, kind="q8", out=tmp_path / "bundle")
    assert {"webgpu-f16", "webgpu-f16-fused"} <= set(written.manifest.rungs)
    told = msgspec.json.decode((tmp_path / "bundle" / HEADROOM).read_bytes(), type=Headroom)
    assert told.towers["image"].wide == ["block_1.narrow", "block_1.widen"]
    assert told.towers["text"].wide == []
    assert table(told) in (tmp_path / "bundle" / CARD).read_text()
    pixels = pixels_of(tall)
    true = Towers(tmp_path / "bundle").images(pixels)
    for variant in (HALF, HALF_FUSED):
        half = Towers(tmp_path / "bundle", variant=variant).images(pixels)
        assert np.abs(half - true).max() < 2e-3
    unguarded = tmp_path / "unguarded"
    unguarded.mkdir()
    write_towers(tall, "q8", unguarded)
    assert not np.isfinite(Towers(unguarded, variant=HALF).images(pixels)).all()


def test_a_proof_keeps_the_pairs_that_were_looked_at() -> None:
    pairs = [Pair(key=str(place), picture=b"", caption="", facts=b"") for place in range(5)]
    first, proof = Proof(pairs=iter(pairs), source="five").begun(3)
    assert first == pairs[:3]
    assert list(proof.pairs) == pairs


@pytest.mark.parametrize("kind", ["fp32", "q8"])
def test_every_product_of_a_tower_is_looked_at(
    kind: Kind, make_bundle: Callable[[str, Kind], Made]
) -> None:
    folder = make_bundle("vit", kind).folder
    for tower in ("image", "text"):
        graph = onnx.load(folder / f"{tower}.onnx", load_external_data=False).graph
        held = {value.name: value.linears for value in held_in_half(graph)}
        last = max(int(name[6]) for name in held if name.startswith("block_"))
        assert held["block_0.ln_1"] >= {"block_0.attn.qkv"}
        assert held["block_0.attn.similarity"] == {"block_0.attn.qkv"}
        attention = f"block_{last}.attn"
        assert held[f"{attention}.similarity"] == {f"{attention}.q", f"{attention}.kv"}
        assert held["block_0.gelu"] == {"block_0.narrow"}
        assert held["block_0.widen"] == {"block_0.widen"}
        linears = set[str]().union(*held.values())
        products = {
            node.name.removesuffix(".matmul")
            for node in graph.node
            if node.op_type in ("MatMul", "MatMulNBits")
            and node.name.split(".")[0] not in ("patch", "projection")
            and not node.name.endswith((".similarity", ".seen", ".pooled", ".row", "_ends"))
        }
        assert linears == products


def test_what_a_magnitude_asks_for() -> None:
    near, far = LARGEST_HALF / FEWEST_FOLD * 1.01, LARGEST_HALF / FEWEST_FOLD * 0.99
    values = [
        Value(name="small", linears=frozenset({"a", "b"})),
        Value(name="logits", linears=frozenset({"c", "b"})),
        Value(name="zero", linears=frozenset({"d"})),
    ]
    found = judged(values, {"small": far, "logits": near, "zero": 0.0})
    assert found.wide == ["b", "c"]
    assert [value.name for value in found.tightest] == ["logits", "small", "zero"]
    with pytest.raises(BundleRefused, match="logits"):
        judged(values, {"small": far, "logits": float("nan"), "zero": 0.0})
    told = table(
        Headroom(
            pairs=1234,
            source="mine",
            largest_half=LARGEST_HALF,
            fewest_fold=FEWEST_FOLD,
            towers={"image": found},
        )
    )
    assert "1,234 pairs (mine)" in told
    assert told.endswith("| image | 3 | 8270 | logits | 7.92 times | b, c |")
