"""A tower's graph, run a stage at a time: each node once, however many values are looked at.

A stage ends with the last node of one of the tower's blocks. Between two of them, what later ones
still need is kept for every batch: of a transformer its residual stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper

Array = NDArray[np.generic]
See = Callable[[slice, dict[str, Array]], object]
"""Gets a batch's place among the inputs, and its values by name."""

BATCH = 16
THREADS = 2  # fixed, as sums may hang on their number
TENSORS_FOLDER = "session.model_external_initializers_file_folder_path"


def block_of(name: str) -> str:
    """The block of a tower that a node or a linear is part of: block_3 of block_3.attn.qkv."""
    return name.partition(".")[0]


class Stages:
    """`graph`: of one input, its nodes in the order in which they run; `inputs` [N, ...]."""

    def __init__(self, graph: Path, inputs: Array, blocks: Sequence[str]) -> None:
        """`blocks`: each ends a stage, in the order of the graph."""
        self._folder = graph.parent
        self._model = onnx.load(graph, load_external_data=False)
        self._inputs = inputs
        self._numbers = {block: number for number, block in enumerate(blocks)}
        self._stages = _cut(self._model.graph, blocks)
        self._done = 0
        self._held: list[dict[str, Array]] = []

    def run(self, block: str, values: Iterable[str], see: See) -> None:
        """Run what has to be run to the end of a block, and show `values` of its stage, batch by
        batch. What was run before isn't run again, unless the block is an earlier one."""
        number = self._numbers[block]
        if not self._held or number < self._done:
            self._begin()
        while self._done < number:
            self._run((), lambda _some, _found: None)
        self._run(sorted(values), see)

    def _begin(self) -> None:
        name = self._model.graph.input[0].name
        starts = range(0, len(self._inputs), BATCH)
        self._held = [{name: self._inputs[start : start + BATCH]} for start in starts]
        self._done = 0

    def _run(self, values: Sequence[str], see: See) -> None:
        """The next stage."""
        stage = self._stages[self._done]
        later = _used(node for stage in self._stages[self._done + 1 :] for node in stage)
        made = {value for node in stage for value in node.output}
        outputs = sorted(made & (later | set(values)))
        session = self._session(stage, outputs)
        entries = [each.name for each in session.get_inputs()]
        for number, held in enumerate(self._held):
            found = session.run(outputs, {entry: held[entry] for entry in entries})
            known = {**held, **dict(zip(outputs, found, strict=True))}
            start = number * BATCH
            see(slice(start, start + BATCH), {value: known[value] for value in values})
            self._held[number] = {name: value for name, value in known.items() if name in later}
        self._done += 1

    def _session(
        self, stage: Sequence[onnx.NodeProto], outputs: Sequence[str]
    ) -> ort.InferenceSession:
        """Computes `outputs` from what is held."""
        used = _used(stage)
        graph = helper.make_graph(
            stage,
            "stage",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
                )
                for name, value in self._held[0].items()
                if name in used
            ],
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [each for each in self._model.graph.initializer if each.name in used],
        )
        model = helper.make_model(
            graph, ir_version=self._model.ir_version, opset_imports=self._model.opset_import
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        options.add_session_config_entry(TENSORS_FOLDER, str(self._folder))
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def _cut(graph: onnx.GraphProto, blocks: Sequence[str]) -> list[list[onnx.NodeProto]]:
    """Stages up to the last node of each block; what follows the last one is left out."""
    ends = {block_of(node.name): place + 1 for place, node in enumerate(graph.node)}
    bounds = [0, *(ends[block] for block in blocks)]
    return [list(graph.node[start:end]) for start, end in pairwise(bounds)]


def _used(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    return {value for node in nodes for value in node.input if value}
