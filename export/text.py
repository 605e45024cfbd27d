"""The CLIP text tower: ids int32 [N, T], 1 <= T <= context length -> embeddings float32 [N, D].

A shorter T is exact as long as the first end-of-text token is within it: the tower is causal and
pools there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from export.block_weights import BlockWeights, Norm
from export.blocks import Pool, Stream, Tower
from export.graph import Graph
from export.weights import Float32, Weights

MASKED = -1e4  # far below any logit, yet representable in fp16; e^-1e4 is exactly 0


@dataclass(frozen=True, kw_only=True)
class TextWeights:
    tokens: Float32
    """[V, W]"""
    positions: Float32
    """[context length, W]"""
    blocks: Sequence[BlockWeights]
    final_norm: Norm
    projection: Float32
    """[W, D]"""
    end_of_text: int
    """Its id: the highest of the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What depends on T alone."""

    positions: str
    """[T, W]"""
    before: str
    """float32 [T, T], 1 where the row's place is before the column's."""


def text_tower(of: TextWeights, weights: Weights, graph: Graph) -> onnx.ModelProto:
    """The tower, written into an empty graph; the graph's multiply-adds are for one caption of full
    length."""
    context, _ = of.positions.shape
    tower = Tower(graph=graph, weights=weights, tokens=context)
    order = _order(graph, of, weights)
    mask = graph.mul(order.before, graph.scalar(MASKED, name="masked"), name="mask")
    everywhere = mask
    if graph.fused:  # attention as one operator doesn't broadcast by itself
        everywhere = graph.node("Unsqueeze", mask, graph.ints(0, 1), name="mask.everywhere")
    pool = _pool(graph, order, mask, of.end_of_text)
    x = weights.embedding(graph.full, "ids", of.tokens, "token")
    x = graph.add(x, order.positions, name="embedded")
    stream = Stream(x=x, news="", name="embedded")
    for number, block in enumerate(of.blocks[:-1]):
        stream = tower.block(stream, block, mask=everywhere, name=f"block_{number}")
    last = len(of.blocks) - 1
    stream = tower.last_block(stream, of.blocks[last], pool=pool, name=f"block_{last}")
    _, x = tower.sum_and_norm(stream, of.final_norm, name="ln_final")
    x = tower.linear(x, of.projection, None, name="projection", rows=1, full=True)
    width = of.projection.shape[1]
    return graph.model(
        input_name="ids",
        input_type=TensorProto.INT32,
        input_shape=["N", "T"],
        output=tower.unit_rows(x, width),
        output_name="embeddings",
        output_shape=["N", width],
    )


def _order(graph: Graph, of: TextWeights, weights: Weights) -> Order:
    """Cut the tables to T."""
    context = of.positions.shape[0]
    length = graph.node("Shape", "ids", name="length", start=1, end=2)

    def cut(table: str, axis: int, name: str) -> str:
        return graph.node("Slice", table, graph.ints(0), length, graph.ints(axis), name=name)

    table = np.triu(np.ones((context, context), np.float32), 1)
    rows = cut(graph.constant(table, name="before.table"), 0, "before.rows")
    return Order(
        positions=cut(weights.constant(graph, of.positions, "position.table"), 0, "positions"),
        before=cut(rows, 1, "before"),
    )


def _pool(graph: Graph, order: Order, mask: str, end_of_text: int) -> Pool:
    """A one-hot row at the first end-of-text token, as open_clip's argmax finds it: a caption may
    spell "<end_of_text>", so there may be several."""
    end = graph.scalar(np.int32(end_of_text), name="end_of_text")
    ends = graph.node(
        "Cast", graph.node("Equal", "ids", end, name="is_end"), name="ends", to=TensorProto.FLOAT
    )
    earlier = graph.matmul(ends, order.before, name="earlier_ends")
    none_earlier = graph.node(
        "Relu",
        graph.node("Sub", graph.scalar(1.0, name="one"), earlier, name="one_minus"),
        name="none_earlier",
    )
    first = graph.node(
        "Unsqueeze", graph.mul(ends, none_earlier, name="first_end"), graph.ints(1), name="first"
    )
    row = graph.matmul(first, mask, name="mask.row")
    return Pool(
        take=lambda value, name: graph.matmul(first, value, name=name),
        mask=graph.node("Unsqueeze", row, graph.ints(1), name="mask.pooled"),
    )
