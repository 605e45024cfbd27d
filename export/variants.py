"""The graphs that a tower is written as, and which rungs run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent.bundle import Arithmetic
from dva_agent.protocol import Rung

from export.weights import Kind


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`label`: part of a graph's file name, such as image.LABEL.onnx; empty for the plain one."""

    label: str
    rungs: tuple[Rung, ...]
    arithmetic: Arithmetic = "f32"
    fused: bool = False

    def file(self, tower: str) -> str:
        """The name of a tower's graph."""
        return ".".join(part for part in (tower, self.label, "onnx") if part)


PLAIN = Variant(label="", rungs=("webgpu-f32", "wasm", "native"))
"""Every operator spelled out, in float32: right wherever it runs."""
FUSED = Variant(label="fused", rungs=("webgpu-f32-fused",), fused=True)
HALF = Variant(label="f16", rungs=("webgpu-f16",), arithmetic="f16")
HALF_FUSED = Variant(label="f16-fused", rungs=("webgpu-f16-fused",), arithmetic="f16", fused=True)


def variants_of(kind: Kind) -> Sequence[Variant]:
    """Those that a kind of weights is made into, PLAIN first and the fastest last. Who wants every
    digit of the weights wants none lost to fp16."""
    return (PLAIN, FUSED) if kind == "fp32" else (PLAIN, FUSED, HALF, HALF_FUSED)
