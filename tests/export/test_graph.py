"""The towers compute what open_clip's torch network computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from export.expected import Towers
from export.reference import Inputs, reference_embeddings
from export.weights import Kind
from tests.export.conftest import Made
from tests.export.inputs import random_inputs


def inputs_of(made: Made, *, count: int, seed: int) -> Inputs:
    """Random inputs of the network."""
    return random_inputs(
        count=count,
        size=made.loaded.preprocessing.size,
        context_length=made.loaded.context_length,
        vocab_size=made.loaded.vocab_size,
        seed=seed,
    )


@pytest.fixture(scope="session")
def towers() -> Callable[[Made], Towers]:
    opened: dict[str, Towers] = {}

    def open_towers(made: Made) -> Towers:
        key = str(made.folder)
        if key not in opened:
            opened[key] = Towers(made.folder, optimised=True)
        return opened[key]

    return open_towers


@pytest.mark.parametrize("network", ["resnet", "vit"])
def test_fp32_equals_torch(
    network: str, make_bundle: Callable[[str, Kind], Made], towers: Callable[[Made], Towers]
) -> None:
    made = make_bundle(network, "fp32")
    inputs = inputs_of(made, count=16, seed=1)
    images, texts = reference_embeddings(made.loaded, inputs)
    found = towers(made)
    assert np.abs(found.images(inputs.pixels) - images).max() < 1e-6
    assert np.abs(found.texts(inputs.ids) - texts).max() < 1e-6
    assert made.written.comparison.largest_score <= 1e-5


@pytest.mark.parametrize("network", ["resnet", "vit"])
def test_q8_is_near_torch(network: str, make_bundle: Callable[[str, Kind], Made]) -> None:
    comparison = make_bundle(network, "q8").written.comparison
    assert 0 < comparison.largest_score < 0.02
    assert comparison.mean_score < 0.1 * comparison.spread


def test_what_follows_the_first_end_of_text_is_never_seen(
    made: Made, towers: Callable[[Made], Towers]
) -> None:
    """open_clip's argmax takes the first of several; the tower is causal."""
    inputs = inputs_of(made, count=6, seed=3)
    ids = inputs.ids.copy()
    end = made.loaded.vocab_size - 1
    for row in ids:
        first = int((row == end).argmax())
        row[first + 1 :] = np.resize([7, end, 9], len(row) - first - 1)
    found = towers(made)
    assert np.abs(found.texts(ids) - found.texts(inputs.ids)).max() <= 1e-6


def test_multiply_adds_are_torchs(make_bundle: Callable[[str, Kind], Made]) -> None:
    """torch counts what it runs; less what the last block spares by computing one token only."""
    text, width = 32, 64
    spared = {
        "vit": spared_tokens(text, width, width, mlp=True)
        + spared_tokens((48 // 16) ** 2 + 1, width, width, mlp=True),
        "resnet": spared_tokens(text, width, width, mlp=True)
        + spared_tokens((64 // 32) ** 2 + 1, 8 * 32, 64, mlp=False),
    }
    for network, less in spared.items():
        made = make_bundle(network, "fp32")
        model, size = made.loaded.model, made.loaded.preprocessing.size
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model.encode_image(torch.zeros(1, 3, size, size))
            model.encode_text(torch.zeros(1, text).long())
        counted = made.written.manifest.gflops_per_pair * 1e9
        assert round(counted) == counter.get_total_flops() - 2 * less


def spared_tokens(tokens: int, inner: int, out: int, *, mlp: bool) -> int:
    """Multiply-adds of the last block for other tokens than the pooled one: queries, attention,
    the way out, and the MLP where there is one."""
    each = inner * inner + 2 * tokens * inner + inner * out + (8 * inner * inner if mlp else 0)
    return (tokens - 1) * each


def test_every_kind_of_weights_counts_the_same(make_bundle: Callable[[str, Kind], Made]) -> None:
    for network in ("resnet", "vit"):
        exact, small = (make_bundle(network, kind).written.manifest for kind in ("fp32", "q8"))
        assert exact.gflops_per_pair == small.gflops_per_pair
        assert exact.parameters == small.parameters
        assert exact.bundle != small.bundle


def test_the_graphs_are_plain(made: Made) -> None:
    """Contrib operators only where there is no other, and never the fused attention."""
    allowed = {"QuickGelu", "MatMulNBits", "GatherBlockQuantized"}
    for name in ("image.onnx", "text.onnx"):
        model = onnx.load(made.folder / name)
        assert model.ir_version == 10
        contrib = {node.op_type for node in model.graph.node if node.domain == "com.microsoft"}
        assert contrib <= allowed
        assert "Attention" not in {node.op_type for node in model.graph.node}
