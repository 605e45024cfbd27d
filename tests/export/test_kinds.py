"""Kinds of weights: each has a bar and says what it is for."""

from __future__ import annotations

from typing import get_args

import numpy as np
from onnx import TensorProto, helper

from export.fidelity import BARS
from export.graph import Graph
from export.kinds import DEFAULT, KINDS, weights_of
from export.weights import Kind


def test_every_kind_is_told_and_held_to_a_bar() -> None:
    assert list(KINDS) == list(BARS) == list(get_args(Kind))
    assert all(each.about for each in KINDS.values())


def test_a_4_bit_tower_keeps_8_bits_where_they_count() -> None:
    graph = Graph(name="g")
    weights = weights_of("q4", "text")
    matrix = np.eye(32, dtype=np.float32)
    for name in ("block_0.attn.qkv", "block_0.widen", "block_10.attn.qkv", "projection"):
        weights.linear(graph, "x", matrix, None, name)
    model = graph.model(
        input_name="x",
        input_type=TensorProto.FLOAT,
        input_shape=["N", 32],
        output="projection",
        output_name="y",
        output_shape=["N", 32],
    )
    bits = [
        helper.get_node_attr_value(node, "bits")
        for node in model.graph.node
        if node.op_type == "MatMulNBits"
    ]
    assert bits == [8, 4, 4, 8]


def test_what_needs_calibration_is_no_default() -> None:
    assert not KINDS[DEFAULT].calibrated
    assert [kind for kind, each in KINDS.items() if each.calibrated] == ["q4text8", "q4"]
