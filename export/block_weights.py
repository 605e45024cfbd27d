"""The numbers of one residual attention block, laid out as the graphs want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export.quantize import coarse
from export.weights import Float32

MOST_SHARED = 3
"""Powers of two that keys take over at most: a head of 64 divides by 8."""


@dataclass(frozen=True, kw_only=True)
class Norm:
    weight: Float32
    bias: Float32
    epsilon: float


@dataclass(frozen=True, kw_only=True)
class AttentionWeights:
    """Matrices are [in, out]; the three of the input lie side by side: queries, keys, values."""

    heads: int
    inward: Float32
    """[W, 3 * inner], queries or keys already divided by the root of the head width, or each by a
    part of it."""
    inward_bias: Float32
    outward: Float32
    outward_bias: Float32

    @classmethod
    def of(
        cls,
        *,
        heads: int,
        inward: Float32,
        inward_bias: Float32,
        outward: Float32,
        outward_bias: Float32,
    ) -> AttentionWeights:
        """From torch's layout, matrices [out, in], queries not yet scaled."""
        inner = inward.shape[0] // 3
        scale = np.ones(inward.shape[0], np.float32)
        scale[:inner] = np.float32((inner // heads) ** -0.5)
        shared = _shared(inward[:inner] * scale[:inner, None], inward[inner : 2 * inner])
        scale[:inner] *= np.float32(2.0**shared)
        scale[inner : 2 * inner] *= np.float32(2.0**-shared)
        return cls(
            heads=heads,
            inward=np.ascontiguousarray((inward * scale[:, None]).T),
            inward_bias=inward_bias * scale,
            outward=np.ascontiguousarray(outward.T),
            outward_bias=outward_bias,
        )


def _shared(queries: Float32, keys: Float32) -> int:
    """How many powers of two of the division the keys take over: the fewest with which most blocks
    find a scale in 8 bits. Exact, as only exponents move."""
    return min(
        range(MOST_SHARED + 1),
        key=lambda shared: (
            coarse(queries * np.float32(2.0**shared), 8)
            + coarse(keys * np.float32(2.0**-shared), 8)
        ),
    )


@dataclass(frozen=True, kw_only=True)
class BlockWeights:
    norm_1: Norm
    attention: AttentionWeights
    norm_2: Norm
    widen: Float32
    widen_bias: Float32
    quick_gelu: bool
    narrow: Float32
    narrow_bias: Float32
