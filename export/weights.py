"""How a tower's numbers are stored: the one thing in which kinds of weights differ.

What is stored small is widened by nodes over constants alone. onnxruntime computes those once, when
a graph is loaded, so they cost bytes on the wire and nothing at run time.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.graph import Graph

Float32 = NDArray[np.float32]
Kind = Literal["fp32", "fp16", "q8", "q4text8", "q4"]
"""export/kinds.py says what each is."""
LARGEST_HALF = float(np.finfo(np.float16).max)


class Weights(Protocol):
    """One for each tower, and for all graphs of that tower: what it quantizes, it quantizes
    once."""

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        """x [..., K] @ weight [K, M] + bias [M]; all in fp16 if the graph is half."""
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
        stored = self.constant(graph, weight, f"{name}.weight")
        y = graph.matmul(x, graph.cast(stored, half=graph.half), name=f"{name}.matmul")
        if bias is None:
            return y
        stored = graph.constant(bias, name=f"{name}.bias")
        return graph.add(y, graph.cast(stored, half=graph.half), name=name)

    def embedding(self, graph: Graph, ids: str, table: Float32, name: str) -> str:
        return graph.node("Gather", self.constant(graph, table, f"{name}.weight"), ids, name=name)

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        return graph.constant(value, name=name)


class Fp16(Fp32):
    """Every number in fp16, but for biases and norms, which are few."""

    def constant(self, graph: Graph, value: Float32, name: str) -> str:
        return half_constant(graph, value, name)


def half_constant(graph: Graph, value: Float32, name: str) -> str:
    """A float32 value that is stored in fp16, unless fp16 can't hold it."""
    if np.abs(value).max() > LARGEST_HALF:
        return graph.constant(value, name=name)
    stored = graph.constant(value.astype(np.float16), name=f"{name}.f16")
    return graph.node("Cast", stored, name=name, to=TensorProto.FLOAT)
