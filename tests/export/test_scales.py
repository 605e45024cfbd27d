"""Scales in one byte: never too small for a block, exact in fp16, folded when a graph is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto

from export.block_weights import AttentionWeights
from export.graph import Graph
from export.kinds import weights_of
from export.quantize import coarse
from export.quantized import Quantized
from export.scales import HIGHEST, SMALLEST, SMALLEST_STEP, scales_for


@given(
    wanted=st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.floats(-400, 400, width=32))
    )
)
def test_a_scale_reaches_what_was_wanted_and_is_exact_in_fp16(wanted: np.ndarray) -> None:
    scales = scales_for(wanted)
    assert (np.abs(scales.levels) <= HIGHEST).all()
    assert (np.abs(scales.values) >= np.abs(wanted)).all()
    assert (np.abs(scales.values) >= SMALLEST).all()
    assert (np.abs(scales.values) <= np.maximum(np.abs(wanted) + scales.steps, SMALLEST * 2)).all()
    assert (np.signbit(scales.values) == (wanted < 0)).all()
    assert np.array_equal(scales.values.astype(np.float16).astype(np.float32), scales.values)
    # Not much coarser than they need be: a row's largest scale has one of the upper levels.
    row = np.abs(wanted).max(axis=1) > SMALLEST_STEP * HIGHEST
    assert (np.abs(scales.levels).max(axis=1)[row] >= HIGHEST * 8 // 9).all()


def attention(spread: float) -> AttentionWeights:
    """One head of width 64, as torch has it."""
    rng = np.random.default_rng(0)
    inward = rng.uniform(-spread, spread, (192, 128)).astype(np.float32)
    inward[64:] = rng.uniform(-0.05, 0.05, (128, 128))
    return AttentionWeights.of(
        heads=1,
        inward=inward,
        inward_bias=rng.normal(size=192).astype(np.float32),
        outward=np.zeros((128, 64), np.float32),
        outward_bias=np.zeros(128, np.float32),
    )


@pytest.mark.parametrize(("spread", "divided"), [(0.2, 1.0), (0.05, 0.5), (0.02, 0.25)])
def test_queries_too_small_for_a_scale_leave_a_part_of_their_division_to_the_keys(
    spread: float, divided: float
) -> None:
    made = attention(spread)
    rng = np.random.default_rng(0)
    before = rng.uniform(-spread, spread, (192, 128)).astype(np.float32)
    keys = rng.uniform(-0.05, 0.05, (128, 128)).astype(np.float32)[:64]
    assert np.array_equal(made.inward.T[64:128], keys * np.float32(divided))
    assert np.array_equal(made.inward.T[:64], before[:64] * np.float32(0.125 / divided))
    assert coarse(np.ascontiguousarray(made.inward.T), 8) == 0


def test_blocks_that_want_smaller_scales_are_counted() -> None:
    matrix = np.full((2, 96), 0.5, np.float32)
    matrix[0, :32], matrix[1, 32:64] = 1e-3, 0
    assert (coarse(matrix, 8), coarse(matrix, 4)) == (1, 0)
    graph, weights = Graph(name="g"), Quantized(bits=8)
    weights.linear(graph, "x", np.ascontiguousarray(matrix.T), None, "linear")
    assert (weights.blocks, weights.coarse) == (6, 1)


def test_what_widens_a_weight_is_gone_once_a_graph_is_loaded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    graph = Graph(name="g")
    weights = weights_of("q8", "text")
    x = weights.embedding(graph, "x", rng.normal(size=(50, 64)).astype(np.float32), "token")
    x = graph.add(x, weights.constant(graph, np.ones((1, 64), np.float32), "place"), name="sum")
    y = weights.linear(graph, x, rng.normal(size=(64, 32)).astype(np.float32), None, "linear")
    model = graph.model(
        input_name="x",
        input_type=TensorProto.INT32,
        input_shape=["N", "T"],
        output=y,
        output_name="y",
        output_shape=["N", "T", 32],
    )
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model.SerializeToString(), options)
    left = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert sorted(left) == ["Add", "GatherBlockQuantized", "MatMulNBits"]
