"""What storing one tower in some way does to scores, while the other tower stays exact."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from dva_agent.native.fidelity import Scores

from export.graph import Graph
from export.graphs import TOWERS, Write, tower_writer
from export.kinds import TowerName
from export.loaded import Loaded
from export.reference import Embeddings, Ids, Inputs, Pixels, scores
from export.tensors import TensorFiles
from export.weights import Fp32, Weights

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A tower that is stored in some way."""

    bytes: int
    """Of its plain graph and its tensors."""
    embeddings: Embeddings


def write_tower(write: Write, name: TowerName, weights: Weights, folder: Path) -> Path:
    """A tower's plain graph, its tensors beside it."""
    graph = Graph(name=name, tensors=TensorFiles(folder=folder, name=name))
    path = folder / f"{name}.onnx"
    onnx.save_model(write(graph, weights), path)
    return path


def folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


class Trial:
    """One model, and the pairs that it is tried on."""

    def __init__(self, loaded: Loaded, inputs: Inputs) -> None:
        self._write = {name: tower_writer(loaded, name) for name in TOWERS}
        self._inputs: dict[TowerName, Pixels | Ids] = {"image": inputs.pixels, "text": inputs.ids}
        self.exact = {name: self.store(name, Fp32()).embeddings for name in TOWERS}
        self.true = scores(self.exact["image"], self.exact["text"])
        """In fp32, [N]."""

    def write(self, name: TowerName, weights: Weights, folder: Path) -> Path:
        """A tower's plain graph, its tensors beside it. Raises TowerUnsupported."""
        return write_tower(self._write[name], name, weights, folder)

    def store(self, name: TowerName, weights: Weights) -> Stored:
        """Write the tower and run it on all pairs. Raises TowerUnsupported."""
        with tempfile.TemporaryDirectory(prefix="dva-trial-") as place:
            path = self.write(name, weights, Path(place))
            session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
            entry, given = session.get_inputs()[0].name, self._inputs[name]
            parts = [
                session.run(None, {entry: given[start : start + BATCH]})[0]
                for start in range(0, len(given), BATCH)
            ]
            size = folder_bytes(path.parent)
        return Stored(bytes=size, embeddings=np.concatenate(parts))

    def errors(self, name: TowerName, weights: Weights) -> Scores:
        """Of each score [N] while the other tower stays exact."""
        towers = {**self.exact, name: self.store(name, weights).embeddings}
        return scores(towers["image"], towers["text"]) - self.true
