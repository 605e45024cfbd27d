"""The numbers of one residual attention block, laid out as the graphs want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from export.weights import Float32


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
    """[W, 3 * inner], the queries already divided by the root of the head width."""
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
        return cls(
            heads=heads,
            inward=np.ascontiguousarray((inward * scale[:, None]).T),
            inward_bias=inward_bias * scale,
            outward=np.ascontiguousarray(outward.T),
            outward_bias=outward_bias,
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
