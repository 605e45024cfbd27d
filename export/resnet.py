"""The ModifiedResNet image tower: pixels uint8 [N, 3, S, S] -> embeddings float32 [N, D].

Batch norms are folded into the convolutions before them. The normalisation of pixels is not
folded: the first convolution pads with zeros *after* it, so a folded one would be wrong along the
border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from export.block_weights import AttentionWeights
from export.blocks import Tower
from export.graph import Graph
from export.weights import Float32, Weights


@dataclass(frozen=True, kw_only=True)
class ConvWeights:
    """A convolution with its batch norm folded in; padding keeps the size at stride 1."""

    kernel: Float32
    """[O, I, k, k]"""
    bias: Float32
    stride: int = 1


@dataclass(frozen=True, kw_only=True)
class BottleneckWeights:
    convs: tuple[ConvWeights, ConvWeights, ConvWeights]
    stride: int
    """Of the average pooling before the third convolution."""
    shortcut: ConvWeights | None


@dataclass(frozen=True, kw_only=True)
class ResNetWeights:
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    """S"""
    stem: Sequence[ConvWeights]
    bottlenecks: Sequence[BottleneckWeights]
    places: Float32
    """[1 + (S / 32) ** 2, C]"""
    attention: AttentionWeights


def resnet_tower(of: ResNetWeights, weights: Weights, graph: Graph) -> onnx.ModelProto:
    """The tower, written into an empty graph; the graph's multiply-adds are for one picture."""
    return _ResNet(of, weights, graph).write()


class _ResNet:
    def __init__(self, of: ResNetWeights, weights: Weights, graph: Graph) -> None:
        self.of = of
        self.weights = weights
        self.graph = graph
        self.tower = Tower(graph=graph, weights=weights, tokens=of.places.shape[0])
        self.side = of.size

    def write(self) -> onnx.ModelProto:
        of, graph = self.of, self.graph
        x = self._normalised()
        for number, conv in enumerate(of.stem):
            x = self._relu(self._conv(x, conv, name=f"stem_{number}"), name=f"stem_{number}.relu")
        x = self._halve(x, 2, name="stem.halved")
        self.side //= 2
        for number, bottleneck in enumerate(of.bottlenecks):
            x = self._bottleneck(x, bottleneck, name=f"block_{number}")
        width = of.attention.outward.shape[1]
        return graph.model(
            input_name="pixels",
            input_type=TensorProto.UINT8,
            input_shape=["N", 3, of.size, of.size],
            output=self.tower.unit_rows(self._pool(x), width),
            output_name="embeddings",
            output_shape=["N", width],
        )

    def _normalised(self) -> str:
        """(pixel / 255 - mean) / std"""
        graph = self.graph
        mean, std = (
            np.array(v, np.float64).reshape(1, 3, 1, 1) for v in (self.of.mean, self.of.std)
        )
        x = graph.node("Cast", "pixels", name="pixels.float", to=TensorProto.FLOAT)
        scale = graph.constant((1 / (255 * std)).astype(np.float32), name="pixels.scale")
        offset = graph.constant((-mean / std).astype(np.float32), name="pixels.offset")
        return graph.add(graph.mul(x, scale, name="scaled"), offset, name="normalised")

    def _conv(self, x: str, conv: ConvWeights, *, name: str) -> str:
        edge = conv.kernel.shape[2]
        self.side //= conv.stride
        self.graph.multiply_adds += self.side**2 * conv.kernel.size
        return self.graph.node(
            "Conv",
            x,
            self.weights.constant(self.graph, conv.kernel, f"{name}.weight"),
            self.graph.constant(conv.bias, name=f"{name}.bias"),
            name=name,
            kernel_shape=[edge, edge],
            strides=[conv.stride] * 2,
            pads=[edge // 2] * 4,
        )

    def _relu(self, x: str, *, name: str) -> str:
        return self.graph.node("Relu", x, name=name)

    def _halve(self, x: str, stride: int, *, name: str) -> str:
        if stride == 1:
            return x
        return self.graph.node(
            "AveragePool", x, name=name, kernel_shape=[stride] * 2, strides=[stride] * 2
        )

    def _bottleneck(self, x: str, of: BottleneckWeights, *, name: str) -> str:
        y = self._relu(self._conv(x, of.convs[0], name=f"{name}.conv_0"), name=f"{name}.relu_0")
        y = self._relu(self._conv(y, of.convs[1], name=f"{name}.conv_1"), name=f"{name}.relu_1")
        y = self._halve(y, of.stride, name=f"{name}.halved")
        self.side //= of.stride
        y = self._conv(y, of.convs[2], name=f"{name}.conv_2")
        if of.shortcut is not None:
            x = self._halve(x, of.stride, name=f"{name}.shortcut.halved")
            x = self._conv(x, of.shortcut, name=f"{name}.shortcut")
        return self._relu(self.graph.add(y, x, name=f"{name}.sum"), name=f"{name}.relu")

    def _pool(self, x: str) -> str:
        """Attention of the mean over all places: [N, C, s, s] -> [N, 1, D]"""
        of, graph = self.of, self.graph
        channels = of.places.shape[1]
        flat = graph.reshape(x, 0, channels, -1, name="places.flat")
        places = graph.transpose(flat, 0, 2, 1, name="places")
        mean = graph.node("ReduceMean", places, graph.ints(1), name="mean", keepdims=1)
        both = graph.node("Concat", mean, places, name="mean_and_places", axis=1)
        tokens = graph.add(
            both, self.weights.constant(graph, of.places, "place.table"), name="tokens"
        )
        first = graph.constant(of.places[:1], name="place.first")
        row = graph.add(mean, first, name="tokens.first")
        return self.tower.pooled_attention(row, tokens, of.attention, mask="", name="attnpool")
