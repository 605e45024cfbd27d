"""Blocks of 4 or 8 bits: the layout of onnxruntime's MatMulNBits and GatherBlockQuantized."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from export.errors import TowerUnsupported
from export.scales import SMALLEST, Scales, levels_for, scales_for, steps_for

Bits = Literal[4, 8]
Float32 = NDArray[np.float32]

BLOCK = 32
"""onnxruntime's tiled WebGPU kernel (MatMulNBitsWideTile) takes blocks of 32 only; any other size
falls to a kernel that reads the whole matrix again for each row of activations."""
SMALLEST_BLOCK = 16  # the operators take powers of two from here on
REACHES = tuple(np.arange(6.0, 10.1, 0.5).astype(np.float32))
"""In steps, where the largest number of a 4-bit block may come to lie: past 8.5 it is cut, so that
the others are rounded more finely."""
WIDEST: dict[Bits, float] = {8: 127.5, 4: 8.0}
"""In steps, where the largest number of a block comes to lie, or is first tried."""
ROWS = 256
"""How many rows are searched at a time: what is compared is several times their size."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """value = (codes - zero point) * scale, each row cut into blocks."""

    bits: Bits
    codes: NDArray[np.uint8]
    """[rows, blocks, block size], below 2 ** bits."""
    scales: Scales
    """[rows, blocks]"""

    @property
    def packed(self) -> NDArray[np.uint8]:
        """[rows, blocks, bytes a block]: of two codes in a byte, the first has the lower half."""
        if self.bits == 8:
            return self.codes
        return self.codes[:, :, ::2] | np.left_shift(self.codes[:, :, 1::2], np.uint8(4))


def zero_point(bits: Bits) -> int:
    """The code of 0, which both operators assume when none is given."""
    return 1 << (bits - 1)


def block_size(columns: int, largest: int = BLOCK) -> int:
    """The largest block that divides a row. Raises TowerUnsupported if none does."""
    size = largest
    while size >= SMALLEST_BLOCK:
        if columns % size == 0:
            return size
        size //= 2
    raise TowerUnsupported(
        f"A matrix with {columns} columns can't be cut into blocks of {SMALLEST_BLOCK}.",
        next_step="Export with --weights fp32 or fp16.",
    )


def cut(matrix: Float32, largest: int = BLOCK) -> Float32:
    """A matrix [rows, columns] as [rows, blocks, block size]. Raises TowerUnsupported."""
    rows, columns = matrix.shape
    return matrix.reshape(rows, -1, block_size(columns, largest))


def quantize_rows(matrix: Float32, *, bits: Bits, largest_block: int = BLOCK) -> Blocks:
    """Round each number of a matrix [rows, columns] to the nearest that its block has, against the
    scale as it is stored."""
    blocks = cut(matrix, largest_block)
    scales = scales_of(blocks, bits)
    return Blocks(bits=bits, codes=_codes(blocks, scales.values, bits), scales=scales)


def coarse(matrix: Float32, bits: Bits) -> int:
    """How many blocks of a matrix [rows, columns] want a scale below the smallest that can be
    stored, and so are rounded more coarsely than their bits allow. Any width will do."""
    starts = np.arange(0, matrix.shape[1], BLOCK)
    largest = np.maximum.reduceat(np.abs(matrix), starts, axis=1)
    return int(((largest > 0) & (largest < SMALLEST * WIDEST[bits])).sum())


def scales_of(blocks: Float32, bits: Bits) -> Scales:
    """In 8 bits every number moves by half a step at most, so the largest lies at 127.5 steps; in 4
    bits a search finds what is better."""
    if bits == 8:
        return scales_for(np.abs(blocks).max(axis=2) / np.float32(WIDEST[8]))
    return _searched(blocks)


def _searched(blocks: Float32) -> Scales:
    """Of several scales for each block, also turned round (there is a code for -8 and none for 8),
    the one with the smallest sum of squared errors."""
    extremes = _extremes(blocks)
    steps = steps_for(np.abs(extremes).max(axis=1) / np.float32(WIDEST[4]))
    levels = np.empty(extremes.shape, np.int8)
    for rows in _slices(len(blocks)):
        least = np.full(extremes[rows].shape, np.inf, np.float32)
        for reach in REACHES:
            for turned in (-1, 1):
                tried = levels_for(turned * extremes[rows] / reach, steps[rows])
                scale = tried.astype(np.float32) * steps[rows]
                error = blocks[rows] - _nearest(blocks[rows], scale, 4) * scale[:, :, None]
                cost = np.square(error).sum(axis=2)
                better = cost < least
                least[better] = cost[better]
                levels[rows][better] = tried[better]
    return Scales(levels=levels, steps=steps)


def dequantize(blocks: Blocks) -> Float32:
    """The matrix [rows, columns] that the operators compute with."""
    rows = blocks.codes.shape[0]
    centred = blocks.codes.astype(np.float32) - np.float32(zero_point(blocks.bits))
    return (centred * blocks.scales.values[:, :, None]).reshape(rows, -1)


def _extremes(blocks: Float32) -> Float32:
    """[rows, blocks]: the number of largest size in each block, with its sign."""
    place = np.abs(blocks).argmax(axis=2)[:, :, None]
    return np.take_along_axis(blocks, place, axis=2)[:, :, 0]


def _nearest(blocks: Float32, scales: Float32, bits: Bits) -> Float32:
    """Codes around zero, still as float32."""
    zero = zero_point(bits)
    nearest: Float32 = np.clip(np.rint(blocks / scales[:, :, None]), -zero, zero - 1)
    return nearest


def _codes(blocks: Float32, scales: Float32, bits: Bits) -> NDArray[np.uint8]:
    codes: NDArray[np.uint8] = (_nearest(blocks, scales, bits) + zero_point(bits)).astype(np.uint8)
    return codes


def _slices(rows: int) -> Iterator[slice]:
    for start in range(0, rows, ROWS):
        yield slice(start, start + ROWS)
