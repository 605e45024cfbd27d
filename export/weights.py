"""How a tower's matrices are stored: the one thing in which fp32 and q8 differ.

Convolutions and the patch projection stay fp32 in both: they are small, and their inputs are
pixels, not centred activations.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from export.graph import Graph
from export.quantize import quantize_rows

Float32 = NDArray[np.float32]
Kind = Literal["fp32", "q8"]


class Weights(Protocol):
    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        """x [..., K] @ weight [K, M] + bias [M]."""
        ...

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        """Rows of table [V, W] for int32 ids [N, T]: float32 [N, T, W]."""
        ...


class Fp32:
    """Every number as the checkpoint has it."""

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        y = graph.matmul(x, graph.constant(weight, name=f"{name}.weight"), name=f"{name}.matmul")
        if bias is None:
            return y
        return graph.add(y, graph.constant(bias, name=f"{name}.bias"), name=name)

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        return graph.node("Gather", graph.constant(table, name=f"{name}.weight"), ids, name=name)


class Q8:
    """Matrices and the token table in 8 bits, a float32 scale a block; activations stay float32.

    accuracy_level 0: activations are never quantized, so a row's result doesn't depend on what
    shares its batch.
    """

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        blocks = quantize_rows(np.ascontiguousarray(weight.T))
        rows, count, size = blocks.values.shape
        inputs = [
            x,
            graph.constant(blocks.values, name=f"{name}.q8"),
            graph.constant(blocks.scales.reshape(-1), name=f"{name}.scales"),
        ]
        if bias is not None:
            inputs += ["", "", graph.constant(bias, name=f"{name}.bias")]
        return graph.node(
            "MatMulNBits",
            *inputs,
            name=name,
            domain="com.microsoft",
            K=count * size,
            N=rows,
            bits=8,
            block_size=size,
            accuracy_level=0,
        )

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        blocks = quantize_rows(table)
        rows, count, size = blocks.values.shape
        return graph.node(
            "GatherBlockQuantized",
            graph.constant(blocks.values.reshape(rows, count * size), name=f"{name}.q8"),
            ids,
            graph.constant(blocks.scales, name=f"{name}.scales"),
            name=name,
            domain="com.microsoft",
            bits=8,
            block_size=size,
            gather_axis=0,
            quantize_axis=1,
        )


WEIGHTS: dict[Kind, Weights] = {"fp32": Fp32(), "q8": Q8()}
