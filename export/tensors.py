"""A tower's tensors in files of their own, which all its graphs share.

ONNX calls it external data: a graph names file, offset and length. The files are raw bytes, so two
graphs that need the same tensor name the same place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LARGEST_FILE = 99_999_999
"""Below the 100 MB at which many a host of files stops."""
SMALLEST = 1024
"""Bytes: a smaller tensor lies in each graph, whose other words about it are nearly as long."""
ALIGNMENT = 64


@dataclass(frozen=True, kw_only=True)
class Place:
    path: str
    """Relative to the graph."""
    offset: int
    length: int


class TensorFiles:
    """Files `name`.0.bin, `name`.1.bin, ... in `folder`, each of at most `largest` bytes unless one
    tensor alone is larger. The same bytes are written once."""

    def __init__(self, *, folder: Path, name: str, largest: int = LARGEST_FILE) -> None:
        self._folder = folder
        self._name = name
        self._largest = largest
        self._places: dict[bytes, Place] = {}
        self._number = 0
        self._size = 0

    def put(self, tensor: NDArray[np.generic]) -> Place:
        """Where the tensor's little-endian bytes lie, written unless they already were."""
        body = np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data
        digest = hashlib.sha256(body).digest()
        place = self._places.get(digest)
        if place is None:
            place = self._places[digest] = self._write(body)
        return place

    def _write(self, body: memoryview) -> Place:
        gap = -self._size % ALIGNMENT
        if self._size and self._size + gap + body.nbytes > self._largest:
            self._number += 1
            self._size = gap = 0
        path = f"{self._name}.{self._number}.bin"
        with (self._folder / path).open("ab") as file:
            file.write(b"\0" * gap)
            file.write(body)
        place = Place(path=path, offset=self._size + gap, length=body.nbytes)
        self._size = place.offset + place.length
        return place
