"""Both towers of a bundle, written as graphs over shared tensor files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Container, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import onnx
from dva_agent.bundle import RungSpec, Tolerance, Tower
from dva_agent.protocol import Rung

from export.calibration import image_calibration, text_calibration
from export.feedback import Feedback
from export.graph import Graph
from export.kinds import TowerName, weights_of
from export.loaded import Loaded
from export.progress import Progress, silent
from export.quantized import Quantized
from export.reference import Inputs
from export.resnet import ResNetWeights, resnet_tower
from export.tensors import LARGEST_FILE, TensorFiles
from export.text import text_tower
from export.towers import image_weights, text_weights
from export.variants import PLAIN, Variant, variants_of
from export.vision import vision_tower
from export.weights import Fp32, Kind, Weights

TOWERS: tuple[TowerName, ...] = ("image", "text")
Write = Callable[[Graph, Weights], onnx.ModelProto]
Guard = Callable[[TowerName, Path], Set[str]]
"""A tower's name and its plain graph, in place -> the linears that stay fp32 in its half graphs."""


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """One variant of both towers."""

    variant: Variant
    image: Tower
    text: Tower


@dataclass(frozen=True, kw_only=True)
class WrittenTowers:
    graphs: Sequence[Graphs]
    nodes: Mapping[str, int]
    """Of each graph, by its path."""
    multiply_adds: int
    """Of both towers for one pair, at full context."""
    blocks: int
    """That were rounded: of both towers, with one scale each."""
    coarse: int
    """Of these, the ones that would need a smaller scale than fp16 has."""

    def rungs(self, tolerances: Mapping[Variant, Tolerance]) -> dict[Rung, RungSpec]:
        """What a manifest says of each rung, the fastest first; of variants without a tolerance
        there are none."""
        return {
            rung: RungSpec(
                image=each.image,
                text=each.text,
                arithmetic=each.variant.arithmetic,
                tolerance=tolerances[each.variant],
            )
            for each in reversed(self.graphs)
            if each.variant in tolerances
            for rung in each.variant.rungs
        }

    def drop(self, folder: Path, kept: Container[Variant]) -> None:
        """Remove the graphs of other variants."""
        for each in self.graphs:
            if each.variant not in kept:
                for tower in (each.image, each.text):
                    (folder / tower.path).unlink()


def write_towers(
    loaded: Loaded,
    kind: Kind,
    folder: Path,
    *,
    calibrate: Inputs | None = None,
    guard: Guard = lambda _name, _plain: frozenset(),
    largest_file: int = LARGEST_FILE,
    progress: Progress = silent,
) -> WrittenTowers:
    """Write the graphs and their tensors into `folder`. `calibrate`: pairs by which blocks are
    rounded; without them each number is rounded by itself. `largest_file`: bytes, of a file of
    tensors, unless one tensor alone is larger. Raises TowerUnsupported, and what `guard` does."""
    variants = variants_of(kind)
    nodes: dict[str, int] = {}
    cost = blocks = coarse = 0
    towers: dict[str, list[Tower]] = {}
    for name in TOWERS:
        # One tower at a time: its arrays are as large as its part of the checkpoint.
        write = tower_writer(loaded, name)
        weights = _weights(write, kind, name, calibrate, progress)
        tensors = TensorFiles(folder=folder, name=name, largest=largest_file)
        towers[name] = []
        wide: Set[str] | None = None
        for variant in variants:
            if variant.arithmetic == "f16" and wide is None:
                wide = guard(name, folder / PLAIN.file(name))
            graph = Graph(
                name=name,
                half=variant.arithmetic == "f16",
                fused=variant.fused,
                wide=wide or frozenset(),
                tensors=tensors,
            )
            path = variant.file(name)
            onnx.save_model(write(graph, weights), folder / path)
            towers[name].append(Tower(path=path, data_paths=tuple(graph.data_paths)))
            nodes[path] = graph.size
        cost += graph.multiply_adds
        if isinstance(weights, Quantized):
            blocks += weights.blocks
            coarse += weights.coarse
    return WrittenTowers(
        graphs=[
            Graphs(variant=variant, image=image, text=text)
            for variant, image, text in zip(variants, towers["image"], towers["text"], strict=True)
        ],
        nodes=nodes,
        multiply_adds=cost,
        blocks=blocks,
        coarse=coarse,
    )


def tower_writer(loaded: Loaded, name: TowerName) -> Write:
    """Writes a tower into an empty graph. Raises TowerUnsupported."""
    if name == "text":
        text = text_weights(loaded.model)
        return lambda graph, weights: text_tower(text, weights, graph)
    spec = loaded.preprocessing
    image = image_weights(loaded.model, spec.mean, spec.std)
    if isinstance(image, ResNetWeights):
        return lambda graph, weights: resnet_tower(image, weights, graph)
    return lambda graph, weights: vision_tower(image, weights, graph)


def _weights(
    write: Write, kind: Kind, name: TowerName, calibrate: Inputs | None, progress: Progress
) -> Weights:
    """Already rounded, if by calibration: its graph, as large as the tower in fp32, goes again."""
    if calibrate is None or kind in ("fp32", "fp16"):
        return weights_of(kind, name)
    with tempfile.TemporaryDirectory() as place:
        exact = Path(place) / "exact.onnx"
        tensors = TensorFiles(folder=exact.parent, name=name)
        onnx.save_model(write(Graph(name=name, tensors=tensors), Fp32()), exact)
        calibration = (image_calibration if name == "image" else text_calibration)(exact, calibrate)
        feedback = Feedback(calibration, what=f"rounding the {name} tower", progress=progress)
        weights = weights_of(kind, name, rounding=feedback)
        write(Graph(name=name), weights)  # which keeps what it has rounded
    return weights
