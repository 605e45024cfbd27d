"""The graphs that a tower is written as, and which rungs run them."""

from __future__ import annotations

from dataclasses import dataclass

from dva_agent.protocol import Rung


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`label`: part of a graph's file name, such as image.LABEL.onnx; empty for the plain one."""

    label: str
    rungs: tuple[Rung, ...]

    def file(self, tower: str) -> str:
        """The name of a tower's graph."""
        return ".".join(part for part in (tower, self.label, "onnx") if part)


PLAIN = Variant(label="", rungs=("webgpu-f32", "wasm", "native"))
"""Every operator spelled out, in float32: right wherever it runs."""
