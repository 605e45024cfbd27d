"""The ViT image tower: pixels uint8 [N, 3, S, S] -> embeddings float32 [N, D]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from export.block_weights import BlockWeights, Norm
from export.blocks import Pool, Stream, Tower
from export.graph import Graph
from export.weights import Float32, Weights


@dataclass(frozen=True, kw_only=True)
class VisionWeights:
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    """S"""
    patches: Float32
    """[W, 3, P, P]"""
    first_token: Float32
    """[W]"""
    positions: Float32
    """[1 + (S / P) ** 2, W]"""
    first_norm: Norm | None
    blocks: Sequence[BlockWeights]
    final_norm: Norm
    projection: Float32
    """[W, D]"""


def vision_tower(of: VisionWeights, weights: Weights, graph: Graph) -> onnx.ModelProto:
    """The tower, written into an empty graph; the graph's multiply-adds are for one picture."""
    tower = Tower(graph=graph, weights=weights, tokens=of.positions.shape[0])
    x = _tokens(graph, of, weights)
    if of.first_norm is not None:
        x = tower.layer_norm(x, of.first_norm, name="ln_pre")
    stream = Stream(x=x, news="", name="embedded")
    for number, block in enumerate(of.blocks[:-1]):
        stream = tower.block(stream, block, mask="", name=f"block_{number}")
    last = len(of.blocks) - 1
    stream = tower.last_block(stream, of.blocks[last], pool=_pool(graph), name=f"block_{last}")
    _, x = tower.sum_and_norm(stream, of.final_norm, name="ln_post")
    x = tower.linear(x, of.projection, None, name="projection", rows=1, full=True)
    width = of.projection.shape[1]
    return graph.model(
        input_name="pixels",
        input_type=TensorProto.UINT8,
        input_shape=["N", 3, of.size, of.size],
        output=tower.unit_rows(x, width),
        output_name="embeddings",
        output_shape=["N", width],
    )


def _tokens(graph: Graph, of: VisionWeights, weights: Weights) -> str:
    """Patches through the projection, the class token before them, places added: [N, T, W].

    The strided convolution is written as a matrix product, and (pixel / 255 - mean) / std is
    folded into it, which is exact because a patch has no padding.
    """
    width, _, edge, _ = of.patches.shape
    side = of.size // edge
    projection, bias = fold_normalisation(of.patches, of.mean, of.std)
    matrix = projection.reshape(width, -1).T
    x = graph.node("Cast", "pixels", name="pixels.float", to=TensorProto.FLOAT)
    x = graph.reshape(x, 0, 3, side, edge, side, edge, name="cut")
    x = graph.transpose(x, 0, 2, 4, 1, 3, 5, name="by_patch")
    x = graph.reshape(x, 0, side * side, 3 * edge * edge, name="patches")
    x = graph.matmul(x, weights.constant(graph, matrix, "patch.weight"), name="patch")
    graph.multiply_adds += side * side * matrix.size
    # A zero row in front, then one addition brings the class token, the places and the bias.
    x = graph.node("Pad", x, graph.ints(0, 1, 0, 0, 0, 0), name="with_first", mode="constant")
    places = of.positions.copy()
    places[0] += of.first_token
    places[1:] += bias
    return graph.add(x, weights.constant(graph, places, "place"), name="embedded")


def fold_normalisation(
    kernel: Float32, mean: Sequence[float], std: Sequence[float]
) -> tuple[Float32, Float32]:
    """A kernel [O, 3, h, w] for normalised values -> kernel and bias for values in 0..255."""
    exact: NDArray[np.float64] = kernel.astype(np.float64)
    scale = 1.0 / (255.0 * np.array(std, np.float64))
    offset = -np.array(mean, np.float64) / np.array(std, np.float64)
    bias = (exact * offset[None, :, None, None]).sum(axis=(1, 2, 3))
    return (
        (exact * scale[None, :, None, None]).astype(np.float32),
        bias.astype(np.float32),
    )


def _pool(graph: Graph) -> Pool:
    return Pool(
        take=lambda value, name: graph.node(
            "Slice", value, graph.ints(0), graph.ints(1), graph.ints(1), name=name
        ),
        mask="",
    )
