"""What the towers share: layer norm, one residual attention block, the unit-norm ending.

Attention is written out (MatMul, Softmax), which is right everywhere, or one operator, which is
faster where it is right: onnxruntime's have given silently wrong numbers on WebGPU adapters with
subgroups (onnxruntime PR #28520, issues #26715, #26766).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.block_weights import AttentionWeights, BlockWeights, Norm
from export.graph import Graph
from export.weights import Float32, Weights

SMALLEST_NORM = 1e-12  # torch.nn.functional.normalize's eps


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Picks the one token of each sample that becomes the embedding."""

    take: Callable[[str, str], str]
    """(value [N, T, X], name of the result) -> [N, 1, X]"""
    mask: str
    """Additive mask of that token, [N, 1, 1, T], or "" for none."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The residual stream, float32: `x`, and `news` that is still to be added, or "" for none."""

    x: str
    news: str
    name: str
    """Of the sum."""


class Tower:
    """Writes blocks into a graph. `tokens` is the largest T, for counting the arithmetic.

    In a half graph, linears and attention take and give fp16, but for those that the graph keeps
    wide: attention is of the type that its queries, keys and values come in, and an activation of
    that of its argument. The stream and the norms are float32 in every graph.
    """

    def __init__(self, *, graph: Graph, weights: Weights, tokens: int) -> None:
        self.graph = graph
        self.weights = weights
        self.tokens = tokens

    def linear(
        self,
        x: str,
        weight: Float32,
        bias: Float32 | None,
        *,
        name: str,
        rows: int,
        full: bool = False,
    ) -> str:
        """`rows`: how many rows of one sample pass through, at the most. `full`: float32 in a half
        graph too."""
        self.graph.multiply_adds += rows * weight.size
        half = self.graph.half and not full and name not in self.graph.wide
        graph = self.graph if half else self.graph.full
        return self.weights.linear(graph, graph.cast(x, half=half), weight, bias, name)

    def layer_norm(self, x: str, norm: Norm, *, name: str) -> str:
        return self.graph.node(
            "LayerNormalization",
            x,
            *self._norm_of(norm, name),
            name=name,
            axis=-1,
            epsilon=norm.epsilon,
        )

    def sum_and_norm(self, stream: Stream, norm: Norm, *, name: str) -> tuple[str, str]:
        """The stream with what is new in it, and that normed."""
        graph = self.graph
        if not stream.news:
            return stream.x, self.layer_norm(stream.x, norm, name=name)
        if not graph.fused:
            x = graph.add(stream.x, stream.news, name=stream.name)
            return x, self.layer_norm(x, norm, name=name)
        normal, _, _, x = graph.nodes(
            "SkipLayerNormalization",
            stream.x,
            stream.news,
            *self._norm_of(norm, name),
            names=[name, "", "", stream.name],
            domain="com.microsoft",
            epsilon=norm.epsilon,
        )
        return x, normal

    def _norm_of(self, norm: Norm, name: str) -> tuple[str, str]:
        return (
            self.graph.constant(norm.weight, name=f"{name}.weight"),
            self.graph.constant(norm.bias, name=f"{name}.bias"),
        )

    def self_attention(self, x: str, of: AttentionWeights, *, mask: str, name: str) -> str:
        """Every token looks at every other that the mask allows: additive, [T, T] or [1, 1, T, T],
        or "" for none."""
        together = self.linear(x, of.inward, of.inward_bias, name=f"{name}.qkv", rows=self.tokens)
        queries, keys, values = self._heads(together, of, parts=3, name=f"{name}.qkv")
        return self._attend(queries, keys, values, of, mask=mask, name=name, rows=self.tokens)

    def pooled_attention(
        self, row: str, x: str, of: AttentionWeights, *, mask: str, name: str
    ) -> str:
        """Only the tokens `row` [N, 1, W] look, at all of x [N, T, W]: exactly what
        `self_attention` gives for them, for a fraction of the work."""
        inner = of.inward.shape[1] // 3
        queries = self.linear(
            row,
            np.ascontiguousarray(of.inward[:, :inner]),
            of.inward_bias[:inner],
            name=f"{name}.q",
            rows=1,
        )
        together = self.linear(
            x,
            np.ascontiguousarray(of.inward[:, inner:]),
            of.inward_bias[inner:],
            name=f"{name}.kv",
            rows=self.tokens,
        )
        (queries,) = self._heads(queries, of, parts=1, name=f"{name}.q")
        keys, values = self._heads(together, of, parts=2, name=f"{name}.kv")
        return self._attend(queries, keys, values, of, mask=mask, name=name, rows=1)

    def _heads(self, together: str, of: AttentionWeights, *, parts: int, name: str) -> list[str]:
        """[N, T, parts * inner] -> `parts` values as attention wants them: [N, heads, T, head
        width], or where it is one operator [N, T, inner]."""
        graph = self.graph
        names = [f"{name}.{part}" for part in range(parts)]
        inner = of.outward.shape[0]
        if graph.fused:
            if parts == 1:
                return [together]
            return graph.nodes("Split", together, graph.ints(*[inner] * parts), names=names, axis=2)
        split = graph.reshape(
            together, 0, 0, parts * of.heads, inner // of.heads, name=f"{name}.split"
        )
        heads = graph.transpose(split, 0, 2, 1, 3, name=f"{name}.heads")
        if parts == 1:
            return [heads]
        return graph.nodes("Split", heads, graph.ints(*[of.heads] * parts), names=names, axis=1)

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
        half = graph.is_half(queries)
        if graph.is_half(keys) != half:  # one of them was kept wide: both are
            half = False
            queries, keys, values = (
                graph.cast(each, half=False) for each in (queries, keys, values)
            )
        if mask:
            mask = graph.cast(mask, half=half)
        write = self._fused if graph.fused else self._written_out
        seen = write(queries, keys, values, of, mask=mask, name=name)
        return self.linear(seen, of.outward, of.outward_bias, name=f"{name}.out", rows=rows)

    def _fused(
        self, queries: str, keys: str, values: str, of: AttentionWeights, *, mask: str, name: str
    ) -> str:
        return self.graph.node(
            "MultiHeadAttention",
            queries,
            keys,
            values,
            *(("", "", mask) if mask else ()),
            name=f"{name}.seen",
            domain="com.microsoft",
            num_heads=of.heads,
            scale=1.0,  # the queries are scaled
        )

    def _written_out(
        self, queries: str, keys: str, values: str, of: AttentionWeights, *, mask: str, name: str
    ) -> str:
        graph = self.graph
        across = graph.transpose(keys, 0, 1, 3, 2, name=f"{name}.keys")
        weight = graph.matmul(queries, across, name=f"{name}.similarity")
        if mask:
            weight = graph.add(weight, mask, name=f"{name}.masked")
        weight = graph.node("Softmax", weight, name=f"{name}.attention", axis=-1)
        seen = graph.matmul(weight, values, name=f"{name}.seen")
        tokens = graph.transpose(seen, 0, 2, 1, 3, name=f"{name}.tokens")
        return graph.reshape(tokens, 0, 0, of.outward.shape[0], name=f"{name}.joined")

    def block(self, stream: Stream, of: BlockWeights, *, mask: str, name: str) -> Stream:
        """[N, T, W] -> [N, T, W]"""
        x, normal = self.sum_and_norm(stream, of.norm_1, name=f"{name}.ln_1")
        seen = self.self_attention(normal, of.attention, mask=mask, name=f"{name}.attn")
        return self._mlp(self._with(x, seen, f"{name}.with_attn"), of, name, rows=self.tokens)

    def last_block(self, stream: Stream, of: BlockWeights, *, pool: Pool, name: str) -> Stream:
        """[N, T, W] -> [N, 1, W]: the block's output for the pooled token alone."""
        x, normal = self.sum_and_norm(stream, of.norm_1, name=f"{name}.ln_1")
        seen = self.pooled_attention(
            pool.take(normal, f"{name}.ln_1.pooled"),
            normal,
            of.attention,
            mask=pool.mask,
            name=f"{name}.attn",
        )
        x = pool.take(x, f"{name}.pooled")
        return self._mlp(self._with(x, seen, f"{name}.with_attn"), of, name, rows=1)

    def _mlp(self, stream: Stream, of: BlockWeights, name: str, *, rows: int) -> Stream:
        graph = self.graph
        x, y = self.sum_and_norm(stream, of.norm_2, name=f"{name}.ln_2")
        y = self.linear(y, of.widen, of.widen_bias, name=f"{name}.widen", rows=rows)
        if of.quick_gelu:
            y = graph.node("QuickGelu", y, name=f"{name}.gelu", domain="com.microsoft", alpha=1.702)
        else:
            y = graph.node("Gelu", y, name=f"{name}.gelu", approximate="none")
        y = self.linear(y, of.narrow, of.narrow_bias, name=f"{name}.narrow", rows=rows)
        return self._with(x, y, f"{name}.with_mlp")

    def _with(self, x: str, news: str, name: str) -> Stream:
        return Stream(x=x, news=self.graph.cast(news, half=False), name=name)

    def unit_rows(self, x: str, width: int) -> str:
        """x [N, 1, D] -> [N, D] with rows of length 1 (a zero row stays zero, as in torch)."""
        graph = self.graph
        flat = graph.reshape(graph.cast(x, half=False), -1, width, name="flat")
        norm = graph.node("ReduceL2", flat, graph.ints(1), name="norm", keepdims=1)
        safe = graph.node("Clip", norm, graph.scalar(SMALLEST_NORM, name="smallest"), name="safe")
        return graph.node("Div", flat, safe, name="unit")
