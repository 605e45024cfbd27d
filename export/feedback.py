"""Quantization with error feedback: what rounding a column costs is made good in later columns.

GPTQ (Frantar et al., arXiv:2210.17323), with scales that are found beforehand and columns taken in
the order of how large their inputs are. What counts is the matrix product on real inputs x, so the
sum of (x @ (W - Q)) ** 2 is kept small rather than that of (W - Q) ** 2.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from export.calibration import Calibration
from export.progress import Progress, silent
from export.quantize import Bits, Blocks, cut, scales_of, zero_point

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

DAMPING = 0.01
"""Of the mean of the moments' diagonal: columns that calibration never saw move little."""
LAZY = 128
"""Columns whose errors reach the rest of the matrix in one product."""


class Feedback:
    """Rounds each linear of a tower by its own inputs, once."""

    def __init__(
        self, calibration: Calibration, *, what: str = "rounding", progress: Progress = silent
    ) -> None:
        """`what`: is being done, as `progress` tells it."""
        self._calibration = calibration
        self._what = what
        self._progress = progress
        self._done = 0

    def __call__(self, matrix: Float32, bits: Bits, name: str) -> Blocks:
        self._progress(self._what, self._done, self._calibration.linears)
        found = quantize_with_feedback(matrix, bits=bits, moments=self._calibration.moments(name))
        self._done += 1
        self._progress(self._what, self._done, self._calibration.linears)
        return found


def quantize_with_feedback(matrix: Float32, *, bits: Bits, moments: Float64) -> Blocks:
    """Quantize a matrix [rows, columns] whose inputs x have the mean of x x^T `moments` [columns,
    columns]."""
    rows, columns = matrix.shape
    diagonal = moments.diagonal()
    blocks = cut(matrix)
    size = blocks.shape[2]
    scales = scales_of(blocks, bits)
    order = np.argsort(-diagonal, kind="stable")
    spread = _spread(moments[np.ix_(order, order)])
    scale = np.repeat(scales.values.astype(np.float64), size, axis=1)[:, order]
    left = matrix.astype(np.float64)[:, order]
    zero = zero_point(bits)
    codes = np.empty((rows, columns), np.uint8)
    for start in range(0, columns, LAZY):
        end = min(start + LAZY, columns)
        errors = np.empty((rows, end - start))
        for column in range(start, end):
            step = scale[:, column]
            code = np.clip(np.rint(left[:, column] / step), -zero, zero - 1)
            codes[:, order[column]] = code + zero
            error = (left[:, column] - code * step) / spread[column, column]
            left[:, column + 1 : end] -= np.outer(error, spread[column, column + 1 : end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ spread[start:end, end:]
    return Blocks(bits=bits, codes=codes.reshape(blocks.shape), scales=scales)


def _spread(moments: Float64) -> Float64:
    """Upper triangular U with U^T U the inverse of the damped moments: row i says what an error in
    column i asks of those after it."""
    held = torch.from_numpy(moments.copy())
    mean = float(held.diagonal().mean())
    held.diagonal().add_(DAMPING * mean if mean > 0 else 1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(held))
    upper: Float64 = torch.linalg.cholesky(inverse, upper=True).numpy()
    return upper
