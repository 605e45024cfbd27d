"""A small writer of ONNX graphs: one method per operator that the towers need.

Every operator here runs on onnxruntime's CPU, wasm and WebGPU execution providers alike
(tests/export/test_browser_ops.py holds that). Values are named by what they are, so a graph can
be read in a viewer; a name used twice gets a number.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence, Set
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

    What the writers ask of it, so that one tower becomes several graphs: `half`, whether linears
    and attention take fp16 activations; `wide`, the names of linears that stay float32 all the
    same; `fused`, whether attention is one operator.
    """

    def __init__(
        self,
        *,
        name: str,
        half: bool = False,
        fused: bool = False,
        wide: Set[str] = frozenset(),
        tensors: TensorFiles | None = None,
    ) -> None:
        self.name = name
        self.half = half
        self.fused = fused
        self.wide = wide
        self.data_paths: list[str] = []
        """The files of tensors that this graph needs."""
        self._tensors = tensors
        self.multiply_adds = 0
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._names: dict[str, int] = {}
        self._constants: set[str] = set()
        self._halves: set[str] = set()
        self._casts: dict[tuple[str, bool], str] = {}

    @property
    def full(self) -> Graph:
        """This very graph, for what stays float32 in it."""
        same = copy.copy(self)
        same.half = False
        return same

    @property
    def size(self) -> int:
        """Nodes so far that run with each batch: those over constants alone run when the graph is
        loaded."""
        return sum(not self._constants.issuperset(node.output) for node in self._nodes)

    def is_half(self, value: str) -> bool:
        """Whether a value is fp16."""
        return value in self._halves

    def cast(self, value: str, *, half: bool) -> str:
        """The value in fp16 or in float32: itself if it is that already, and never cast twice."""
        if self.is_half(value) == half:
            return value
        if (value, half) not in self._casts:
            kind, label = (TensorProto.FLOAT16, "f16") if half else (TensorProto.FLOAT, "f32")
            self._casts[value, half] = self.node("Cast", value, name=f"{value}.{label}", to=kind)
        return self._casts[value, half]

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
        """Append one node with several outputs; those without a name are left out."""
        outputs = [self._fresh(name) if name else "" for name in names]
        self._nodes.append(
            helper.make_node(
                kind, list(inputs), outputs, name=outputs[0], domain=domain, **attributes
            )
        )
        if kind == "Cast":
            half = attributes["to"] == TensorProto.FLOAT16
        else:  # no operator here takes both and gives float32
            half = not self._halves.isdisjoint(inputs)
        made = set(filter(None, outputs))
        if half:
            self._halves |= made
        if self._constants.issuperset(filter(None, inputs)):
            self._constants |= made
        return outputs

    def constant(self, value: Array, *, name: str) -> str:
        """An initializer; the same bytes under the same name are stored once."""
        tensor = self._tensor(value)
        tensor.name = name
        if self._initializers.get(name) != tensor:
            tensor.name = self._fresh(name)
            self._initializers[tensor.name] = tensor
        self._constants.add(tensor.name)
        if value.dtype == np.float16:
            self._halves.add(tensor.name)
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
