"""How a tower's numbers are stored: the one thing in which fp32 and q8 differ.

What is stored small is widened by nodes over constants alone. onnxruntime computes those once, when
a graph is loaded, so they cost bytes on the wire and nothing at run time.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.graph import Graph
from export.quantize import quantize_rows
from export.scales import Scales

Float32 = NDArray[np.float32]
Kind = Literal["fp32", "q8"]
LARGEST_HALF = float(np.finfo(np.float16).max)


class Weights(Protocol):
    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        """x [..., K] @ weight [K, M] + bias [M]."""
        ...

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        """Rows of table [V, W] for int32 ids [N, T]: float32 [N, T, W]."""
        ...

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        """A float32 value for which there is no quantized operator: the patch projection, a
        convolution's kernel, places."""
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

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        return graph.constant(value, name=name)


class Q8:
    """Matrices and the token table in 8 bits, a scale a block; everything else of size in fp16.
    Activations stay float32.

    accuracy_level 0: activations are never quantized, so a row's result doesn't depend on what
    shares its batch.
    """

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        blocks = quantize_rows(np.ascontiguousarray(weight.T))
        rows, count, size = blocks.values.shape
        inputs = [
            x,
            graph.constant(blocks.values, name=f"{name}.q8"),
            graph.reshape(_scales(graph, blocks.scales, name), -1, name=f"{name}.scales.flat"),
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
            _scales(graph, blocks.scales, name),
            name=name,
            domain="com.microsoft",
            bits=8,
            block_size=size,
            gather_axis=0,
            quantize_axis=1,
        )

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        if np.abs(value).max() > LARGEST_HALF:
            return graph.constant(value, name=name)
        stored = graph.constant(value.astype(np.float16), name=f"{name}.f16")
        return graph.node("Cast", stored, name=name, to=TensorProto.FLOAT)


def _scales(graph: Graph, scales: Scales, name: str) -> str:
    """float32 [rows, blocks]"""
    levels = graph.constant(scales.levels, name=f"{name}.levels")
    wide = graph.node("Cast", levels, name=f"{name}.levels.float", to=TensorProto.FLOAT)
    return graph.mul(
        wide, graph.constant(scales.steps, name=f"{name}.steps"), name=f"{name}.scales"
    )


WEIGHTS: dict[Kind, Weights] = {"fp32": Fp32(), "q8": Q8()}
