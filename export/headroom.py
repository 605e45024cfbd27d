"""How near a tower's numbers come to the end of fp16, and what has to stay fp32 there.

fp16 ends at 65,504; past it a value is infinite, and so is everything after. A half graph holds in
fp16 what goes into a linear (a matrix product with trained weights), what comes out of it, and the
attention logits. Everything else is no larger than one of these: attention outputs are means of
values, GELU only shrinks. The residual stream, layer norms and the unit norm stay fp32.

The plain graph of a bundle is run natively on calibration pairs, with the largest magnitude of each
such value as a further output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from msgspec import Struct
from numpy.typing import NDArray
from onnx import TensorProto, helper

from export.errors import BundleRefused
from export.progress import Progress, silent
from export.reference import Inputs
from export.stages import TENSORS_FOLDER

LARGEST_HALF = float(np.finfo(np.float16).max)
SMALLEST_HALF = float(np.finfo(np.float16).tiny)
FEWEST_FOLD = 8.0
"""A value that can grow less than this before it is infinite makes its linears stay fp32. Other
pairs went 1.7 times as far as those of the calibration, a sum 1.1 times as far on its way as where
it ends, and QuickGELU multiplies by 1.702: 3.3, and as much again (docs/decisions/0022)."""
BATCH = 4
"""Pairs run together: of the largest tower too, beside its weights."""
SHOWN = 5
HEADROOM = "headroom.json"
FULL = frozenset(("patch", "projection"))
"""Linears that are fp32 in half graphs anyway."""
PRODUCT = ".matmul"
"""What the writers add to a linear's name for the product without its bias."""
LARGEST = "largest."

Batch = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value that a half graph holds in fp16."""

    name: str
    """In the plain graph."""
    linears: frozenset[str]
    """Those that stay fp32 if this value is too large."""


class Probed(Struct, frozen=True, kw_only=True):
    """One value, as measured."""

    name: str
    largest: float
    """Magnitude, on the calibration pairs, three digits."""
    fold: float
    """How many times as large it may become."""


class TowerHeadroom(Struct, frozen=True, kw_only=True):
    values: int
    """How many were looked at."""
    tightest: Sequence[Probed]
    """Those with the least room, that one first."""
    wide: Sequence[str]
    """Linears that stay fp32 in half graphs, sorted: what goes in, the product, and what is made of
    it up to the next linear, so that widening to fp32 alone doesn't overflow in between."""


class Headroom(Struct, frozen=True, kw_only=True):
    """headroom.json."""

    pairs: int
    source: str
    """Of the pairs, for people."""
    largest_half: float
    fewest_fold: float
    """A value with less room keeps its linears in fp32."""
    towers: dict[str, TowerHeadroom]


def table(headroom: Headroom) -> str:
    """For the model card: a row a tower."""
    rows = [
        f"| {tower} | {found.values} | {found.tightest[0].largest:g} | {found.tightest[0].name} "
        f"| {found.tightest[0].fold:g} times | {', '.join(found.wide) or 'nothing'} |"
        for tower, found in headroom.towers.items()
    ]
    head = "| tower | values in fp16 | largest | where | may grow | kept in fp32 |"
    told = (
        f"On {headroom.pairs:,} pairs ({headroom.source}). fp16 ends at "
        f"{headroom.largest_half:,g}; what could not grow {headroom.fewest_fold:g} times stays "
        "fp32 even in half graphs."
    )
    return "\n".join((told, "", head, "|" + " --- |" * 6, *rows))


class Guard:
    """Looks at each tower's plain graph as it is written, and keeps what it saw."""

    def __init__(
        self,
        inputs: Inputs,
        *,
        source: str,
        say: Callable[[str], object] = lambda _: None,
        progress: Progress = silent,
    ) -> None:
        """`source`: of the pairs, for people. `say` is told what begins, `progress` how far it
        has come."""
        self._say = say
        self._progress = progress
        self._inputs = inputs
        self._source = source
        self._towers: dict[str, TowerHeadroom] = {}

    def __call__(self, tower: str, plain: Path) -> Set[str]:
        """The linears that stay fp32 in the tower's half graphs. Raises BundleRefused."""
        batch = self._inputs.pixels if tower == "image" else self._inputs.ids
        what = f"room in fp16, {tower} tower"
        self._say(f"probing {what}: {len(batch)} pairs")
        self._towers[tower] = tower_headroom(
            plain, batch, lambda done: self._progress(what, done, len(batch))
        )
        return frozenset(self._towers[tower].wide)

    @property
    def headroom(self) -> Headroom | None:
        """None if there was no tower to look at, as there are no half graphs."""
        if not self._towers:
            return None
        return Headroom(
            pairs=len(self._inputs.ids),
            source=self._source,
            largest_half=LARGEST_HALF,
            fewest_fold=FEWEST_FOLD,
            towers=self._towers,
        )


def tower_headroom(
    graph: Path, batch: Batch, progress: Callable[[int], object] = lambda _: None
) -> TowerHeadroom:
    """Measure a tower's plain graph on `batch` [N, ...]; `progress` gets how many are done. Raises
    BundleRefused if a value isn't finite in fp32 either."""
    values = held_in_half(onnx.load(graph, load_external_data=False).graph)
    return judged(values, _largest(graph, values, batch, progress))


def judged(values: Sequence[Value], largest: Mapping[str, float]) -> TowerHeadroom:
    """What the largest magnitudes, by the name of their value, ask for. Raises BundleRefused."""
    for name, size in largest.items():
        if not math.isfinite(size):
            raise BundleRefused(
                f"{name} isn't finite, in fp32 arithmetic.",
                next_step="Report it with the checkpoint's name.",
            )
    near = [value for value in values if _fold(largest[value.name]) < FEWEST_FOLD]
    tightest = sorted(values, key=lambda value: -largest[value.name])[:SHOWN]
    return TowerHeadroom(
        values=len(values),
        tightest=[
            Probed(
                name=value.name,
                largest=_short(largest[value.name]),
                fold=_short(_fold(largest[value.name])),
            )
            for value in tightest
        ],
        wide=sorted(frozenset[str]().union(*(value.linears for value in near))),
    )


def _fold(largest: float) -> float:
    """How many times as large a magnitude may become in fp16."""
    return LARGEST_HALF / max(largest, SMALLEST_HALF)


def held_in_half(graph: onnx.GraphProto) -> list[Value]:
    """The values of a plain graph that its half graph holds in fp16, in the order in which they are
    made."""
    trained = {tensor.name for tensor in graph.initializer}
    makers: dict[str, onnx.NodeProto] = {}
    linears: dict[str, str] = {}
    """By the values that they give."""
    found: dict[str, set[str]] = {}
    for node in graph.node:
        value = node.output[0]
        makers.update(dict.fromkeys(node.output, node))
        if node.input and trained.issuperset(filter(None, node.input)):
            trained.update(node.output)  # widened from what is stored
        elif name := _linear(node, trained):
            linears[value] = name
            found.setdefault(node.input[0], set()).add(name)
            found.setdefault(value, set()).add(name)
        elif node.op_type == "Add" and node.name == linears.get(node.input[0]):
            linears[value] = node.name
            found.setdefault(value, set()).add(node.name)
        elif node.op_type == "Softmax":
            product = makers[node.input[0]]
            if product.op_type == "Add":  # the mask
                product = makers[product.input[0]]
            both = {_linear_behind(side, makers, linears) for side in product.input}
            found.setdefault(product.output[0], set()).update(both)
    return [Value(name=name, linears=frozenset(of)) for name, of in found.items()]


def _linear(node: onnx.NodeProto, trained: Set[str]) -> str:
    """The name of the linear whose product this is, or ""."""
    product = node.op_type == "MatMulNBits" or (
        node.op_type == "MatMul" and node.input[1] in trained
    )
    name = str(node.name).removesuffix(PRODUCT)
    return name if product and name not in FULL else ""


def _linear_behind(
    value: str, makers: Mapping[str, onnx.NodeProto], linears: Mapping[str, str]
) -> str:
    """Whose numbers these are, cut and turned as attention needs them."""
    while value not in linears:
        value = makers[value].input[0]
    return linears[value]


def _largest(
    graph: Path, values: Sequence[Value], batch: Batch, progress: Callable[[int], object]
) -> dict[str, float]:
    """The largest magnitude of each value over the batch, by its name."""
    model = onnx.load(graph, load_external_data=False)
    del model.graph.output[:]
    for number, value in enumerate(values):
        name = f"{LARGEST}{number}"
        model.graph.node.append(helper.make_node("Abs", [value.name], [f"{name}.abs"]))
        model.graph.node.append(helper.make_node("ReduceMax", [f"{name}.abs"], [name], keepdims=0))
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Fused nodes would not have the values.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry(TENSORS_FOLDER, str(graph.parent))
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = np.zeros(len(values), np.float32)
    name = session.get_inputs()[0].name
    for start in range(0, len(batch), BATCH):
        some = session.run(None, {name: batch[start : start + BATCH]})
        found = np.maximum(found, np.array(some, np.float32))  # keeps what isn't a number
        progress(min(start + BATCH, len(batch)))
    return {value.name: float(size) for value, size in zip(values, found, strict=True)}


def _short(number: float) -> float:
    """Three digits: the next ones hang on threads."""
    return float(f"{number:.3g}")
