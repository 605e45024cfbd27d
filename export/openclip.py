"""open_clip, importable beside a CPU build of torch.

PyPI's torchvision carries a compiled extension that only loads beside the torch build it was made
for. Beside another one its import fails with "operator torchvision::nms does not exist", although
nothing here calls these operators. They are declared (not implemented) when, and only when, the
extension fails to load. Import open_clip and torchvision from here and nowhere else.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_LIBRARY: torch.library.Library | None = None  # kept alive: dropping it removes the operators


def _extension_loads() -> bool:
    """Whether torchvision's own compiled operators can be loaded beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # let the import below raise its own error
    try:
        for binary in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(str(binary))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _declare_operators() -> None:
    global _LIBRARY
    _LIBRARY = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        signature = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        _LIBRARY.define(signature)  # type: ignore[no-untyped-call]


if not _extension_loads():
    _declare_operators()

import open_clip  # noqa: E402
import torchvision  # noqa: E402

__all__ = ["open_clip", "torchvision"]
