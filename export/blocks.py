"""What the towers share: layer norm, one residual attention block, the unit-norm ending.

Attention is written out (MatMul, Softmax): onnxruntime's fused operators have given silently
wrong numbers on WebGPU adapters with subgroups (onnxruntime PR #28520, issues #26715, #26766).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.graph import Graph
from export.weights import Float32, Weights

SMALLEST_NORM = 1e-12  # torch.nn.functional.normalize's eps


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


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Picks the one token of each sample that becomes the embedding."""

    take: Callable[[str, str], str]
    """(value [N, T, X], name of the result) -> [N, 1, X]"""
    mask: str
    """Additive mask of that token, broadcast to [N, heads, 1, T], or "" for none."""


class Tower:
    """Writes blocks into a graph. `tokens` is the largest T, for counting the arithmetic."""

    def __init__(self, *, graph: Graph, weights: Weights, tokens: int) -> None:
        self.graph = graph
        self.weights = weights
        self.tokens = tokens

    def linear(self, x: str, weight: Float32, bias: Float32 | None, *, name: str, rows: int) -> str:
        """`rows`: how many rows of one sample pass through, at the most."""
        self.graph.multiply_adds += rows * weight.size
        return self.weights.linear(self.graph, x, weight, bias, name)

    def layer_norm(self, x: str, norm: Norm, *, name: str) -> str:
        return self.graph.node(
            "LayerNormalization",
            x,
            self.graph.constant(norm.weight, name=f"{name}.weight"),
            self.graph.constant(norm.bias, name=f"{name}.bias"),
            name=name,
            axis=-1,
            epsilon=norm.epsilon,
        )

    def self_attention(self, x: str, of: AttentionWeights, *, mask: str, name: str) -> str:
        """Every token looks at every other that the mask (additive, [T, T] or "") allows."""
        queries, keys, values = self._heads(
            x, of.inward, of.inward_bias, parts=3, of=of, name=f"{name}.qkv", rows=self.tokens
        )
        return self._attend(queries, keys, values, of, mask=mask, name=name, rows=self.tokens)

    def pooled_attention(
        self, row: str, x: str, of: AttentionWeights, *, mask: str, name: str
    ) -> str:
        """Only the tokens `row` [N, 1, W] look, at all of x [N, T, W]: exactly what
        `self_attention` gives for them, for a fraction of the work."""
        inner = of.inward.shape[1] // 3
        queries = self._heads(
            row,
            of.inward[:, :inner],
            of.inward_bias[:inner],
            parts=1,
            of=of,
            name=f"{name}.q",
            rows=1,
        )[0]
        keys, values = self._heads(
            x,
            of.inward[:, inner:],
            of.inward_bias[inner:],
            parts=2,
            of=of,
            name=f"{name}.kv",
            rows=self.tokens,
        )
        return self._attend(queries, keys, values, of, mask=mask, name=name, rows=1)

    def _heads(
        self,
        x: str,
        weight: Float32,
        bias: Float32,
        *,
        parts: int,
        of: AttentionWeights,
        name: str,
        rows: int,
    ) -> list[str]:
        """x [N, T, W] -> `parts` values of shape [N, heads, T, head width]."""
        graph = self.graph
        width = weight.shape[1] // (parts * of.heads)
        together = self.linear(
            x,
            np.ascontiguousarray(weight),
            np.ascontiguousarray(bias),
            name=name,
            rows=rows,
        )
        split = graph.reshape(together, 0, 0, parts * of.heads, width, name=f"{name}.split")
        heads = graph.transpose(split, 0, 2, 1, 3, name=f"{name}.heads")
        if parts == 1:
            return [heads]
        return graph.nodes(
            "Split",
            heads,
            graph.ints(*[of.heads] * parts),
            names=[f"{name}.{part}" for part in range(parts)],
            axis=1,
        )

    def _attend(
        self,
        queries: str,
        keys: str,
        values: str,
        of: AttentionWeights,
        *,
        mask: str,
        name: str,
        rows: int,
    ) -> str:
        graph = self.graph
        inner = of.outward.shape[0]
        graph.multiply_adds += 2 * rows * self.tokens * inner
        across = graph.transpose(keys, 0, 1, 3, 2, name=f"{name}.keys")
        weight = graph.matmul(queries, across, name=f"{name}.similarity")
        if mask:
            weight = graph.add(weight, mask, name=f"{name}.masked")
        weight = graph.node("Softmax", weight, name=f"{name}.attention", axis=-1)
        seen = graph.matmul(weight, values, name=f"{name}.seen")
        joined = graph.reshape(
            graph.transpose(seen, 0, 2, 1, 3, name=f"{name}.tokens"),
            0,
            0,
            inner,
            name=f"{name}.joined",
        )
        return self.linear(joined, of.outward, of.outward_bias, name=f"{name}.out", rows=rows)

    def block(self, x: str, of: BlockWeights, *, mask: str, name: str) -> str:
        """x [N, T, W] -> [N, T, W]"""
        normal = self.layer_norm(x, of.norm_1, name=f"{name}.ln_1")
        seen = self.self_attention(normal, of.attention, mask=mask, name=f"{name}.attn")
        x = self.graph.add(x, seen, name=f"{name}.with_attn")
        return self._mlp(x, of, name=name, rows=self.tokens)

    def last_block(self, x: str, of: BlockWeights, *, pool: Pool, name: str) -> str:
        """x [N, T, W] -> [N, 1, W]: the block's output for the pooled token alone."""
        normal = self.layer_norm(x, of.norm_1, name=f"{name}.ln_1")
        seen = self.pooled_attention(
            pool.take(normal, f"{name}.ln_1.pooled"),
            normal,
            of.attention,
            mask=pool.mask,
            name=f"{name}.attn",
        )
        x = self.graph.add(pool.take(x, f"{name}.pooled"), seen, name=f"{name}.with_attn")
        return self._mlp(x, of, name=name, rows=1)

    def _mlp(self, x: str, of: BlockWeights, *, name: str, rows: int) -> str:
        graph = self.graph
        y = self.layer_norm(x, of.norm_2, name=f"{name}.ln_2")
        y = self.linear(y, of.widen, of.widen_bias, name=f"{name}.widen", rows=rows)
        if of.quick_gelu:
            y = graph.node("QuickGelu", y, name=f"{name}.gelu", domain="com.microsoft", alpha=1.702)
        else:
            y = graph.node("Gelu", y, name=f"{name}.gelu", approximate="none")
        y = self.linear(y, of.narrow, of.narrow_bias, name=f"{name}.narrow", rows=rows)
        return graph.add(x, y, name=f"{name}.with_mlp")

    def unit_rows(self, x: str, width: int) -> str:
        """x [N, 1, D] -> [N, D] with rows of length 1 (a zero row stays zero, as in torch)."""
        graph = self.graph
        flat = graph.reshape(x, -1, width, name="flat")
        norm = graph.node("ReduceL2", flat, graph.ints(1), name="norm", keepdims=1)
        safe = graph.node("Clip", norm, graph.scalar(SMALLEST_NORM, name="smallest"), name="safe")
        return graph.node("Div", flat, safe, name="unit")
