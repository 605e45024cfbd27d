"""A small writer of ONNX graphs: one method per operator that the towers need.

Every operator here runs on onnxruntime's CPU, wasm and WebGPU execution providers alike
(tests/export/test_browser_ops.py holds that). Values are named by what they are, so a graph can
be read in a viewer; a name used twice gets a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.tensors import SMALLEST, TensorFiles

OPSET = 20  # Gelu came with 20
CONTRIB_OPSET = 1
IR_VERSION = 10  # onnxruntime-web 1.30 reads up to this one for certain

Array = NDArray[np.generic]
Dim = int | str


class Graph:
    """Nodes in the order in which they run. Methods return the name of the value they make.

    `multiply_adds` counts those of matrix products and convolutions for one sample at its
    largest shape, as the callers state it. `tensors`: where larger initializers go, which lie in
    the graph itself without it.
    """

    def __init__(self, *, name: str, tensors: TensorFiles | None = None) -> None:
        self.name = name
        self.data_paths: list[str] = []
        """The files of tensors that this graph needs."""
        self._tensors = tensors
        self.multiply_adds = 0
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._names: dict[str, int] = {}

    def node(self, kind: str, *inputs: str, name: str, domain: str = "", **attributes: Any) -> str:
        """Append one node with one output. Empty inputs are optional ones left out."""
        return self.nodes(kind, *inputs, names=(name,), domain=domain, **attributes)[0]

    def nodes(
        self,
        kind: str,
        *inputs: str,
        names: Sequence[str],
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Append one node with several outputs."""
        outputs = [self._fresh(name) for name in names]
        self._nodes.append(
            helper.make_node(
                kind, list(inputs), outputs, name=outputs[0], domain=domain, **attributes
            )
        )
        return outputs

    def constant(self, value: Array, *, name: str) -> str:
        """An initializer; the same bytes under the same name are stored once."""
        tensor = self._tensor(value)
        tensor.name = name
        if self._initializers.get(name) != tensor:
            tensor.name = self._fresh(name)
            self._initializers[tensor.name] = tensor
        return tensor.name

    def _tensor(self, value: Array) -> onnx.TensorProto:
        if self._tensors is None or value.nbytes < SMALLEST:
            return numpy_helper.from_array(np.ascontiguousarray(value))
        place = self._tensors.put(value)
        if place.path not in self.data_paths:
            self.data_paths.append(place.path)
        tensor = onnx.TensorProto(
            dims=value.shape,
            data_type=helper.np_dtype_to_tensor_dtype(value.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        for key, held in (
            ("location", place.path),
            ("offset", place.offset),
            ("length", place.length),
        ):
            tensor.external_data.add(key=key, value=str(held))
        return tensor

    def ints(self, *values: int) -> str:
        """A small int64 tensor, as shapes and axes are given."""
        label = "_".join(str(value) for value in values)
        return self.constant(np.array(values, np.int64), name=f"ints_{label}")

    def scalar(self, value: float | np.generic, *, name: str) -> str:
        """A float32 scalar, or one of the dtype of a numpy value."""
        held = value if isinstance(value, np.generic) else np.float32(value)
        return self.constant(np.asarray(held), name=name)

    def add(self, left: str, right: str, *, name: str) -> str:
        return self.node("Add", left, right, name=name)

    def mul(self, left: str, right: str, *, name: str) -> str:
        return self.node("Mul", left, right, name=name)

    def matmul(self, left: str, right: str, *, name: str) -> str:
        return self.node("MatMul", left, right, name=name)

    def reshape(self, value: str, *shape: int, name: str) -> str:
        """0 keeps a dimension, -1 takes what is left."""
        return self.node("Reshape", value, self.ints(*shape), name=name)

    def transpose(self, value: str, *axes: int, name: str) -> str:
        return self.node("Transpose", value, name=name, perm=list(axes))

    def model(
        self,
        *,
        input_name: str,
        input_type: int,
        input_shape: Sequence[Dim],
        output: str,
        output_name: str,
        output_shape: Sequence[Dim],
    ) -> onnx.ModelProto:
        """The finished model, once: the initializers move into it, as protobuf copies whatever it
        is given. `output` is the value that becomes float32 `output_name`."""
        for node in self._nodes:
            for place, value in enumerate(node.output):
                if value == output:
                    node.output[place] = output_name
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info(input_name, input_type, list(input_shape))],
            [helper.make_tensor_value_info(output_name, TensorProto.FLOAT, list(output_shape))],
        )
        model = helper.make_model(
            graph,
            ir_version=IR_VERSION,
            producer_name="dva",
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("com.microsoft", CONTRIB_OPSET),
            ],
        )
        for name in list(self._initializers):
            model.graph.initializer.append(self._initializers.pop(name))
        return model

    def _fresh(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else f"{name}_{count}"
