"""One tower, several graphs: they agree, share their tensors, and keep in fp32 what must be."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from dva_agent.bundle import decode_golden

from export.bundle_writer import write_bundle
from export.expected import Towers
from export.graph import Graph
from export.graphs import write_towers
from export.loading import load
from export.variants import FUSED, HALF, HALF_FUSED, PLAIN, variants_of
from export.weights import Kind
from tests.export.conftest import Made
from tests.export.inputs import random_inputs


def embeddings_of(made: Made, towers: Towers) -> np.ndarray:
    """Of random pictures, and below them of random captions."""
    inputs = random_inputs(
        count=12,
        size=made.loaded.preprocessing.size,
        context_length=made.loaded.context_length,
        vocab_size=made.loaded.vocab_size,
        seed=2,
    )
    return np.concatenate([towers.images(inputs.pixels), towers.texts(inputs.ids)])


@pytest.mark.parametrize(
    ("network", "kind"),
    [("resnet", "q8"), ("vit", "fp16"), ("vit", "q8"), ("vit", "q4text8"), ("vit", "q4")],
)
def test_they_agree(network: str, kind: Kind, make_bundle: Callable[[str, Kind], Made]) -> None:
    made = make_bundle(network, kind)
    plain = embeddings_of(made, Towers(made.folder))
    fused = embeddings_of(made, Towers(made.folder, variant=FUSED))
    assert np.abs(fused - plain).max() <= 2e-6
    for variant in (HALF, HALF_FUSED):
        half = embeddings_of(made, Towers(made.folder, variant=variant))
        for rows in (slice(12), slice(12, None)):
            assert 1e-6 < np.abs(half - plain)[rows].max() < 2e-3


def exported_by_torch(network: torch.nn.Module, example: torch.Tensor) -> ort.InferenceSession:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is the older of torch's exporters
        torch.onnx.export(
            network.eval(), (example,), file, dynamo=False, opset_version=18, input_names=["x"]
        )
    return ort.InferenceSession(file.getvalue())


class ImageTower(torch.nn.Module):
    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.model.encode_image(x, normalize=True)  # type: ignore[operator]
        return found


class TextTower(ImageTower):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.model.encode_text(x, normalize=True)  # type: ignore[operator]
        return found


def test_torchs_own_exporter_agrees(make_bundle: Callable[[str, Kind], Made]) -> None:
    """An oracle that shares nothing with the graph writers but the checkpoint."""
    made = make_bundle("vit", "fp32")
    spec, count = made.loaded.preprocessing, 6
    inputs = random_inputs(
        count=count,
        size=spec.size,
        context_length=made.loaded.context_length,
        vocab_size=made.loaded.vocab_size,
        seed=5,
    )
    mean, std = (np.array(each, np.float32).reshape(3, 1, 1) for each in (spec.mean, spec.std))
    pixels = (inputs.pixels.astype(np.float32) / 255 - mean) / std
    ids = inputs.ids.astype(np.int64)
    image = exported_by_torch(ImageTower(made.loaded.model), torch.from_numpy(pixels))
    text = exported_by_torch(TextTower(made.loaded.model), torch.from_numpy(ids))
    for variant in variants_of("fp32"):
        towers = Towers(made.folder, variant=variant)
        (images,) = image.run(None, {"x": pixels})
        assert np.abs(towers.images(inputs.pixels) - images).max() <= 1e-6
        (texts,) = text.run(None, {"x": ids})
        assert np.abs(towers.texts(inputs.ids) - texts).max() <= 1e-6


def test_they_share_their_tensors(made: Made, tmp_path: Path) -> None:
    towers = write_towers(made.loaded, made.kind, tmp_path)
    assert [each.variant for each in towers.graphs] == list(variants_of(made.kind))
    for name in ("image", "text"):
        stored = sum(path.stat().st_size for path in tmp_path.glob(f"{name}.*.bin"))
        plain = onnx.load(tmp_path / PLAIN.file(name), load_external_data=False)
        needed = sum(
            int(entry.value)
            for tensor in plain.graph.initializer
            for entry in tensor.external_data
            if entry.key == "length"
        )
        assert needed <= stored <= 1.01 * needed
    for path, nodes in towers.nodes.items():
        assert 0 < nodes <= len(onnx.load(tmp_path / path, load_external_data=False).graph.node)
    fused, plain_nodes = towers.nodes[FUSED.file("text")], towers.nodes[PLAIN.file("text")]
    assert fused < 0.75 * plain_nodes


def operators(folder: Path, file: str) -> set[str]:
    return {node.op_type for node in onnx.load(folder / file, load_external_data=False).graph.node}


def test_attention_is_one_operator_where_it_may_be(
    make_bundle: Callable[[str, Kind], Made],
) -> None:
    folder = make_bundle("vit", "q8").folder
    for tower in ("image", "text"):
        for variant in (FUSED, HALF_FUSED):
            assert "MultiHeadAttention" in operators(folder, variant.file(tower))
            assert "Softmax" not in operators(folder, variant.file(tower))
        assert "MultiHeadAttention" not in operators(folder, HALF.file(tower))


def test_the_stream_and_the_norms_stay_fp32(make_bundle: Callable[[str, Kind], Made]) -> None:
    """A norm's operands are of one type, and so are a sum's."""
    folder = make_bundle("vit", "q8").folder
    for tower in ("image", "text"):
        for variant in (HALF, HALF_FUSED):
            model = onnx.load(folder / variant.file(tower), load_external_data=False)
            types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
            norms = [node for node in model.graph.node if "LayerNorm" in node.op_type]
            assert len(norms) >= 5
            scales = [set(node.input) & types.keys() for node in norms]
            assert {types[name] for names in scales for name in names} == {onnx.TensorProto.FLOAT}
            assert types["smallest"] == onnx.TensorProto.FLOAT


def test_what_is_kept_wide_takes_fp32(
    make_bundle: Callable[[str, Kind], Made], tmp_path: Path
) -> None:
    made = make_bundle("vit", "q8")
    wide = frozenset(("block_0.attn.qkv", "block_1.widen"))
    write_towers(made.loaded, made.kind, tmp_path, guard=lambda _name, _plain: wide)
    for name in ("image", "text"):
        model = onnx.load(tmp_path / HALF.file(name), load_external_data=False)
        makers = {output: node for node in model.graph.node for output in node.output}
        for linear in (*wide, "block_0.widen"):
            fed = makers[makers[linear].input[0]]
            assert (fed.op_type == "Cast") == (linear not in wide), linear
    guarded = embeddings_of(made, Towers(tmp_path, variant=HALF))
    plain = embeddings_of(made, Towers(tmp_path))
    assert np.abs(guarded - plain).max() < 2e-3


def test_fp16_that_is_far_off_is_left_out(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Attention so sharp that the tenth of a logit that fp16 loses decides where it looks."""
    loaded = load(f"local-dir:{checkpoint('vit')}", accept_licence=True)
    with torch.no_grad():
        attention = loaded.model.get_submodule("transformer.resblocks.0.attn")
        attention.get_parameter("in_proj_weight")[:128].mul_(16)
    said: list[str] = []
    written = write_bundle(loaded, kind="q8", out=tmp_path / "bundle", say=said.append)
    rungs = written.manifest.rungs
    assert set(rungs) == {"webgpu-f32-fused", "webgpu-f32", "wasm", "native"}
    assert any("leaving out webgpu-f16-fused" in line for line in said)
    assert not list((tmp_path / "bundle").glob("*.f16*.onnx"))
    golden = decode_golden(
        (tmp_path / "bundle" / written.manifest.golden_path).read_bytes(), written.manifest
    )
    assert set(golden.pairs[0].expected) == {"f32"}


def test_a_value_is_cast_once() -> None:
    graph = Graph(name="g", half=True)
    one = graph.cast("x", half=True)
    assert graph.cast("x", half=True) == one
    assert graph.cast("x", half=False) == "x"
    assert graph.is_half(graph.add(one, one, name="sum"))
    assert not graph.is_half(graph.cast(one, half=False))
    assert graph.full.half is False
    assert graph.size == 3
