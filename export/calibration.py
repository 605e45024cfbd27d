"""What comes into a tower's linears on real pairs: the second moments of their inputs.

They come from the tower's plain fp32 graph, run natively, for one block of the tower at a time: a
moment is as large as the square of a width, and there are four to a block. The blocks are taken in
their order, each from what the one before it gave, so all of them cost one run of the tower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
from dva_agent.cleaning import clean
from dva_agent.errors import PairsError
from dva_agent.native.pairs import Pair
from dva_agent.native.pixels import preprocess
from numpy.typing import NDArray

from export.loaded import Loaded
from export.reference import Inputs, reference_tokenizer
from export.stages import Array, Stages, block_of

Float64 = NDArray[np.float64]

PRODUCT = ".matmul"
"""How the node of a linear is called in an fp32 graph, after the linear's own name."""
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


def apart(pairs: Iterable[Pair], *, measured: int) -> tuple[Sequence[Pair], int]:
    """Pairs to calibrate on, if fidelity is measured on the first of the same ones: those that
    follow the first `measured`, or if there are too few the last ones. And how many are left to be
    measured on."""
    seen = deque(enumerate(islice(pairs, measured + PAIRS)), maxlen=PAIRS)
    return [pair for _, pair in seen], seen[0][0] if seen else 0


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
        self, graph: Path, inputs: Array, *, kept: NDArray[np.bool_] | None = None
    ) -> None:
        self._kept = kept
        self._sources = _sources(onnx.load(graph, load_external_data=False).graph)
        self._stages = Stages(graph, inputs, list(dict.fromkeys(map(block_of, self._sources))))
        self._block = ""
        self._moments: dict[str, Float64] = {}

    @property
    def linears(self) -> int:
        """How many there are."""
        return len(self._sources)

    def moments(self, linear: str) -> Float64:
        """Mean of x x^T over the inputs x of a linear, [K, K]. Raises KeyError for an unknown
        one. To be asked for in the order of the graph: an earlier block costs the run of all that
        are before it."""
        source = self._sources[linear]
        block = block_of(linear)
        if block != self._block:
            self._moments = self._run(block)
            self._block = block
        return self._moments[source]

    def _run(self, block: str) -> dict[str, Float64]:
        values = {value for name, value in self._sources.items() if block_of(name) == block}
        sums: dict[str, Float64] = {}
        rows = dict.fromkeys(values, 0)

        def add(some: slice, found: dict[str, Array]) -> None:
            for value, given in found.items():
                flat = self._counted(given.astype(np.float32, copy=False), some)
                product = (flat.T @ flat).astype(np.float64)
                sums[value] = sums[value] + product if value in sums else product
                rows[value] += len(flat)

        self._stages.run(block, values, add)
        return {value: total / rows[value] for value, total in sums.items()}

    def _counted(self, found: NDArray[np.float32], some: slice) -> NDArray[np.float32]:
        """[N, T, K] -> [rows, K], without the tokens that don't count."""
        if self._kept is not None and found.shape[1] == self._kept.shape[1]:
            return found[self._kept[some]]
        return found.reshape(-1, found.shape[-1])


def _sources(graph: onnx.GraphProto) -> dict[str, str]:
    """The value that goes into each linear, by the linear's name."""
    return {
        node.name.removesuffix(PRODUCT): node.input[0]
        for node in graph.node
        if node.op_type == "MatMul" and node.name.endswith(PRODUCT)
    }
