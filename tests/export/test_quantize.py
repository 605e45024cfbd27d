"""Blocks of 4 and 8 bits: near the matrix, and read by onnxruntime's operators as `dequantize`
reads them."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto

from export.errors import TowerUnsupported
from export.graph import Graph
from export.quantize import BLOCK, SMALLEST_BLOCK, Bits, block_size, dequantize, quantize_rows
from export.quantized import Quantized

MATRICES = st.tuples(st.integers(1, 4), st.sampled_from([16, 32, 48, 96])).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-1e3, 1e3, width=32))
)


@given(matrix=MATRICES)
def test_in_8_bits_a_number_moves_by_half_a_step_at_most(matrix: np.ndarray) -> None:
    blocks = quantize_rows(matrix, bits=8)
    steps = np.repeat(blocks.scales.values, blocks.codes.shape[2], axis=1)
    assert (np.abs(dequantize(blocks) - matrix) <= 0.5001 * steps).all()


@given(matrix=MATRICES)
def test_in_4_bits_no_block_is_worse_than_with_its_largest_number_kept(matrix: np.ndarray) -> None:
    blocks = quantize_rows(matrix, bits=4)
    size = blocks.codes.shape[2]
    found = np.square(dequantize(blocks) - matrix).reshape(len(matrix), -1, size).sum(axis=2)
    # The widest step that such a block could be given, half of it for each number.
    largest = np.abs(matrix).reshape(found.shape[0], -1, size).max(axis=2)
    step = np.maximum(largest / 8 + blocks.scales.steps, 2.0**-13)
    assert (found <= size * np.square(0.51 * step) + np.square(0.51 * step)).all()


def test_4_bits_are_searched() -> None:
    matrix = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    blocks = quantize_rows(matrix, bits=4)
    error = np.square(dequantize(blocks) - matrix).mean()
    cut = matrix.reshape(64, -1, BLOCK)
    step = np.abs(cut).max(axis=2, keepdims=True) / 7.5
    plain = np.square(np.clip(np.rint(cut / step), -8, 7) * step - cut).mean()
    assert error < 0.85 * plain
    assert (blocks.scales.levels < 0).any()  # blocks turned round


@pytest.mark.parametrize("bits", [4, 8])
def test_a_block_too_small_for_a_step_of_fp16_is_zero(bits: Bits) -> None:
    blocks = quantize_rows(np.full((1, 16), 9.57e-43, np.float32), bits=bits)
    assert np.abs(blocks.scales.values).min() >= np.finfo(np.float16).smallest_normal
    assert not dequantize(blocks).any()


@given(columns=st.integers(1, 10_000))
def test_blocks_divide_a_row(columns: int) -> None:
    if columns % SMALLEST_BLOCK:
        with pytest.raises(TowerUnsupported) as refusal:
            block_size(columns)
        assert "--weights fp32" in refusal.value.next_step
    else:
        assert columns % block_size(columns) == 0
        assert block_size(columns) <= BLOCK


def run(
    graph: Graph, output: str, value: np.ndarray, kind: int, shape: list[int | str]
) -> np.ndarray:
    model = graph.model(
        input_name="x",
        input_type=kind,
        input_shape=shape,
        output=output,
        output_name="y",
        output_shape=[f"d{n}" for n in range(3)],
    )
    session = ort.InferenceSession(model.SerializeToString())
    return session.run(["y"], {"x": value})[0]


@settings(deadline=None, max_examples=30)
@given(
    bits=st.sampled_from([4, 8]),
    inner=st.sampled_from([16, 32, 80, 128]),
    outer=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_the_matrix_product_reads_blocks_as_we_do(
    bits: Bits, inner: int, outer: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(inner, outer)).astype(np.float32)
    bias = rng.normal(size=outer).astype(np.float32)
    x = rng.normal(size=(2, 3, inner)).astype(np.float32)
    graph = Graph(name="g")
    y = Quantized(bits=bits).linear(graph, "x", weight, bias, "linear")
    found = run(graph, y, x, TensorProto.FLOAT, ["N", "T", inner])
    true = x @ dequantize(quantize_rows(np.ascontiguousarray(weight.T), bits=bits)).T + bias
    assert np.abs(found - true).max() < 1e-4


def test_the_embedding_reads_blocks_as_we_do() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 96)).astype(np.float32)
    ids = rng.integers(0, 50, (4, 7)).astype(np.int32)
    graph = Graph(name="g")
    y = Quantized(bits=4).embedding(graph, "x", table, "token")
    found = run(graph, y, ids, TensorProto.INT32, ["N", "T"])
    assert np.array_equal(found, dequantize(quantize_rows(table, bits=8))[ids])
