"""Both towers of a bundle, written as graphs over shared tensor files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from dva_agent.bundle import RungSpec, Tolerance, Tower
from dva_agent.protocol import Rung

from export.graph import Graph
from export.loaded import Loaded
from export.resnet import ResNetWeights, resnet_tower
from export.tensors import LARGEST_FILE, TensorFiles
from export.text import text_tower
from export.towers import image_weights, text_weights
from export.variants import PLAIN, Variant
from export.vision import vision_tower
from export.weights import WEIGHTS, Kind

Write = Callable[[Graph], onnx.ModelProto]


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """One variant of both towers."""

    variant: Variant
    image: Tower
    text: Tower


@dataclass(frozen=True, kw_only=True)
class WrittenTowers:
    graphs: Sequence[Graphs]
    multiply_adds: int
    """Of both towers for one pair, at full context."""

    def rungs(self, tolerances: Mapping[Variant, Tolerance]) -> dict[Rung, RungSpec]:
        """What a manifest says of each rung."""
        return {
            rung: RungSpec(
                image=each.image,
                text=each.text,
                arithmetic="f32",
                tolerance=tolerances[each.variant],
            )
            for each in self.graphs
            for rung in each.variant.rungs
        }


def write_towers(
    loaded: Loaded, kind: Kind, folder: Path, largest_file: int = LARGEST_FILE
) -> WrittenTowers:
    """Write the graphs and their tensors into `folder`. `largest_file`: bytes, of a file of
    tensors, unless one tensor alone is larger. Raises TowerUnsupported."""
    variants = (PLAIN,)
    cost = 0
    towers: dict[str, list[Tower]] = {}
    for name, prepare in (("image", _image_tower), ("text", _text_tower)):
        # One tower at a time: its arrays are as large as its part of the checkpoint.
        write = prepare(loaded, kind)
        tensors = TensorFiles(folder=folder, name=name, largest=largest_file)
        towers[name] = []
        for variant in variants:
            graph = Graph(name=name, tensors=tensors)
            onnx.save_model(write(graph), folder / variant.file(name))
            towers[name].append(Tower(path=variant.file(name), data_paths=tuple(graph.data_paths)))
        cost += graph.multiply_adds
    return WrittenTowers(
        graphs=[
            Graphs(variant=variant, image=image, text=text)
            for variant, image, text in zip(variants, towers["image"], towers["text"], strict=True)
        ],
        multiply_adds=cost,
    )


def _image_tower(loaded: Loaded, kind: Kind) -> Write:
    spec, weights = loaded.preprocessing, WEIGHTS[kind]
    image = image_weights(loaded.model, spec.mean, spec.std)
    if isinstance(image, ResNetWeights):
        return lambda graph: resnet_tower(image, weights, graph)
    return lambda graph: vision_tower(image, weights, graph)


def _text_tower(loaded: Loaded, kind: Kind) -> Write:
    text, weights = text_weights(loaded.model), WEIGHTS[kind]
    return lambda graph: text_tower(text, weights, graph)
