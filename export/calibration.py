"""What comes into a tower's linears on real pairs: the second moments of their inputs.

They come from the tower's plain fp32 graph, run natively, for one block of the tower at a time: a
moment is as large as the square of a width, and there are four to a block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from dva_agent.cleaning import clean
from dva_agent.errors import PairsError
from dva_agent.native.pairs import Pair
from dva_agent.native.pixels import preprocess
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.loaded import Loaded
from export.reference import Inputs, reference_tokenizer

Float64 = NDArray[np.float64]
Batch = NDArray[np.generic]

PRODUCT = ".matmul"
"""How the node of a linear is called in an fp32 graph, after the linear's own name."""
THREADS = 2  # fixed, as sums may hang on their number
BATCH = 16
PAIRS = 256
"""So many are asked for: moments of a few thousand tokens settle with less."""
FEWEST = 32


def calibration_inputs(
    loaded: Loaded, pairs: Iterable[Pair], *, fewest: int = FEWEST, most: int = PAIRS
) -> Inputs:
    """The first `most` pairs that have a whole picture and a caption. Raises PairsError if there
    are fewer than `fewest`, at least 1."""
    pixels, captions = [], []
    for pair in pairs:
        rows = preprocess(pair.picture, loaded.preprocessing)
        if rows is not None and clean(pair.caption):
            pixels.append(rows)
            captions.append(pair.caption)
        if len(pixels) == most:
            break
    if len(pixels) < fewest:
        raise PairsError(
            f"{len(pixels)} pairs are too few to calibrate on.",
            next_step=f"Name shards that hold at least {fewest}.",
        )
    ids = reference_tokenizer(loaded)(captions).numpy().astype(np.int32)
    return Inputs(pixels=np.stack(pixels), ids=ids)


def image_calibration(graph: Path, inputs: Inputs) -> Calibration:
    """Of an image tower's plain fp32 graph."""
    return Calibration(graph, inputs.pixels)


def text_calibration(graph: Path, inputs: Inputs) -> Calibration:
    """Of a text tower's. What follows the end of a text is padding, and doesn't count."""
    places = np.arange(inputs.ids.shape[1])
    return Calibration(
        graph, inputs.ids, kept=places[None, :] <= inputs.ids.argmax(axis=1)[:, None]
    )


class Calibration:
    """Moments of a tower's linears by name. `graph`: its plain graph in fp32; `inputs` [N, ...]:
    pixels or ids; `kept` bool [N, T]: the tokens that count, all without it."""

    def __init__(
        self, graph: Path, inputs: Batch, *, kept: NDArray[np.bool_] | None = None
    ) -> None:
        self._graph = graph
        self._inputs = inputs
        self._kept = kept
        self._sources = _sources(onnx.load(graph, load_external_data=False).graph)
        self._block = ""
        self._moments: dict[str, Float64] = {}

    def moments(self, linear: str) -> Float64:
        """Mean of x x^T over the inputs x of a linear, [K, K]. Raises KeyError for an unknown
        one. Cheap if the last one asked for was of the same block."""
        source = self._sources[linear]
        block = _block(linear)
        if block != self._block:
            values = {value for name, value in self._sources.items() if _block(name) == block}
            self._moments = self._run(sorted(values))
            self._block = block
        return self._moments[source]

    def _run(self, values: Sequence[str]) -> dict[str, Float64]:
        session = self._session(values)
        name = session.get_inputs()[0].name
        sums: dict[str, Float64] = {}
        rows = dict.fromkeys(values, 0)
        for start in range(0, len(self._inputs), BATCH):
            some = slice(start, start + BATCH)
            for value, found in zip(
                values, session.run(None, {name: self._inputs[some]}), strict=True
            ):
                flat = self._counted(found, some)
                product = (flat.T @ flat).astype(np.float64)
                sums[value] = sums[value] + product if value in sums else product
                rows[value] += len(flat)
        return {value: total / rows[value] for value, total in sums.items()}

    def _counted(self, found: NDArray[np.float32], some: slice) -> NDArray[np.float32]:
        """[N, T, K] -> [rows, K], without the tokens that don't count."""
        if self._kept is not None and found.shape[1] == self._kept.shape[1]:
            return found[self._kept[some]]
        return found.reshape(-1, found.shape[-1])

    def _session(self, values: Sequence[str]) -> ort.InferenceSession:
        """Gives `values` and computes no more than these need."""
        model = onnx.load(self._graph, load_external_data=False)
        del model.graph.output[:]
        for value in values:
            model.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
        options = ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(self._graph.parent)
        )
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def _sources(graph: onnx.GraphProto) -> dict[str, str]:
    """The value that goes into each linear, by the linear's name."""
    return {
        node.name.removesuffix(PRODUCT): node.input[0]
        for node in graph.node
        if node.op_type == "MatMul" and node.name.endswith(PRODUCT)
    }


def _block(linear: str) -> str:
    return linear.partition(".")[0]
