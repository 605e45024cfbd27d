"""8-bit blocks: the layout of onnxruntime's MatMulNBits and GatherBlockQuantized."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.errors import TowerUnsupported
from export.scales import Scales, scales_for

BLOCK = 32
"""onnxruntime's tiled WebGPU kernel (MatMulNBitsWideTile) takes blocks of 32 only; any other size
falls to a kernel that reads the whole matrix again for each row of activations."""
SMALLEST_BLOCK = 16  # the operators take powers of two from here on
ZERO_POINT = 128  # what both operators assume for 8 bits when none is given
LARGEST = 127  # so that the range is symmetric around the zero point
REACH = np.float32(LARGEST + 0.5)
"""In steps, what a block's largest number may be and yet be rounded by half a step at most."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """value = (values - 128) * scale, each row cut into blocks."""

    values: NDArray[np.uint8]
    """[rows, blocks, block size], in 1..255."""
    scales: Scales
    """[rows, blocks], positive."""


def block_size(columns: int) -> int:
    """The largest block of at most 32 that divides a row. Raises TowerUnsupported if none does."""
    size = BLOCK
    while size >= SMALLEST_BLOCK:
        if columns % size == 0:
            return size
        size //= 2
    raise TowerUnsupported(
        f"A matrix with {columns} columns can't be cut into 8-bit blocks of {SMALLEST_BLOCK}.",
        next_step="Export with --weights fp32.",
    )


def quantize_rows(matrix: NDArray[np.float32]) -> Blocks:
    """Round each block of a matrix [rows, columns] to 255 levels around zero, against its scale as
    it is stored: each number moves by half a step at most."""
    rows, columns = matrix.shape
    size = block_size(columns)
    blocks = matrix.reshape(rows, columns // size, size)
    scales = scales_for(np.abs(blocks).max(axis=2) / REACH)
    steps = np.rint(blocks / scales.values[:, :, None])
    values = (np.clip(steps, -LARGEST, LARGEST) + ZERO_POINT).astype(np.uint8)
    return Blocks(values=values, scales=scales)


def dequantize(blocks: Blocks) -> NDArray[np.float32]:
    """The matrix [rows, columns] that the operators compute with."""
    rows = blocks.values.shape[0]
    centred = blocks.values.astype(np.float32) - np.float32(ZERO_POINT)
    return (centred * blocks.scales.values[:, :, None]).reshape(rows, -1)
