"""Weights in blocks of 4 or 8 bits, as MatMulNBits and GatherBlockQuantized take them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import TensorProto

from export.graph import Graph
from export.quantize import Bits, Blocks, coarse, quantize_rows
from export.scales import Scales
from export.weights import Float32, half_constant

TOKEN_BITS: Bits = 8
"""Of a token table: an error there reaches every caption with that token, unaveraged."""


Rounding = Callable[[Float32, Bits, str], Blocks]
"""How a matrix [rows, columns], of the linear of that name, becomes blocks."""


def nearest(matrix: Float32, bits: Bits, _name: str) -> Blocks:
    """Each number by itself."""
    return quantize_rows(matrix, bits=bits)


class Quantized:
    """Matrices and the token table in blocks, a scale a block; everything else of size in fp16.

    accuracy_level 0: activations are never quantized, so a row's result doesn't depend on what
    shares its batch.
    """

    def __init__(
        self,
        *,
        bits: Bits,
        fine: tuple[str, ...] = (),
        token_bits: Bits = TOKEN_BITS,
        rounding: Rounding = nearest,
    ) -> None:
        """`fine`: with what the names of linears begin that get 8 bits all the same."""
        self._bits = bits
        self._fine = fine
        self._token_bits = token_bits
        self._rounding = rounding
        self._done: dict[str, Blocks] = {}
        self.blocks = 0
        """Rounded so far."""
        self.coarse = 0
        """Of these, the ones that would need a smaller scale than fp16 has."""

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        if name not in self._done:
            turned = np.ascontiguousarray(weight.T)
            bits: Bits = 8 if name.startswith(self._fine) else self._bits
            self._done[name] = self._rounding(turned, bits, name)
            self._count(turned, self._done[name])
        blocks = self._done[name]
        rows, count, size = blocks.codes.shape
        inputs = [
            x,
            graph.constant(blocks.packed, name=f"{name}.q{blocks.bits}"),
            graph.reshape(
                graph.cast(_scales(graph, blocks.scales, name), half=graph.half),
                -1,
                name=f"{name}.scales.flat",
            ),
        ]
        if bias is not None:
            stored = graph.constant(bias, name=f"{name}.bias")
            inputs += ["", "", graph.cast(stored, half=graph.half)]
        return graph.node(
            "MatMulNBits",
            *inputs,
            name=name,
            domain="com.microsoft",
            K=count * size,
            N=rows,
            bits=blocks.bits,
            block_size=size,
            accuracy_level=0,
        )

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        if name not in self._done:
            self._done[name] = quantize_rows(table, bits=self._token_bits)
            self._count(table, self._done[name])
        blocks = self._done[name]
        rows, _, size = blocks.codes.shape
        return graph.node(
            "GatherBlockQuantized",
            graph.constant(blocks.packed.reshape(rows, -1), name=f"{name}.q{blocks.bits}"),
            ids,
            _scales(graph, blocks.scales, name),
            name=name,
            domain="com.microsoft",
            bits=blocks.bits,
            block_size=size,
            gather_axis=0,
            quantize_axis=1,
        )

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        return half_constant(graph, value, name)

    def _count(self, matrix: Float32, done: Blocks) -> None:
        self.blocks += done.scales.levels.size
        self.coarse += coarse(matrix, done.bits)


def _scales(graph: Graph, scales: Scales, name: str) -> str:
    """float32 [rows, blocks]"""
    levels = graph.constant(scales.levels, name=f"{name}.levels")
    wide = graph.node("Cast", levels, name=f"{name}.levels.float", to=TensorProto.FLOAT)
    return graph.mul(
        wide, graph.constant(scales.steps, name=f"{name}.steps"), name=f"{name}.scales"
    )
