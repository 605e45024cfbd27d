"""The training vendors' drawings, rasterised once into a folder that git ignores."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from export.demo.artwork import Vendor, rasterise

SIDE = 96
"""Pixels; scenes are drawn at 72 to 144 pixels and the model sees 64."""


@dataclass(frozen=True, kw_only=True)
class Drawings:
    labels: tuple[str, ...]
    """The concept's label of each row."""
    pixels: NDArray[np.uint8]
    """[rows, SIDE, SIDE, 4], RGBA, memory-mapped."""


def drawings(vendor: Vendor, cache: Path) -> Drawings:
    """A vendor's drawings as pixels, from the cache if they are there."""
    digest = hashlib.sha256(f"{SIDE}".encode())
    for label, svg in vendor.svgs.items():
        digest.update(f"{label}\0{svg}\0".encode())
    stem = f"{vendor.name}-{digest.hexdigest()[:16]}"
    rows_path, labels_path = cache / f"{stem}.npy", cache / f"{stem}.json"
    if not (rows_path.exists() and labels_path.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        partial = cache / f"{stem}.partial.npy"
        rows = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.uint8, shape=(len(vendor.svgs), SIDE, SIDE, 4)
        )
        for row, svg in enumerate(tqdm(vendor.svgs.values(), desc=vendor.name, unit="drawing")):
            rows[row] = rasterise(svg, SIDE)
        rows.flush()
        labels_path.write_bytes(msgspec.json.encode(list(vendor.svgs)))
        partial.replace(rows_path)
    labels = msgspec.json.decode(labels_path.read_bytes(), type=list[str])
    return Drawings(labels=tuple(labels), pixels=np.load(rows_path, mmap_mode="r"))
