"""Every operator that a graph with fp16 activations uses, each in a graph of its own, with what it
should give: numpy's answer in float64 for the same fp16 numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.export.ort_page import Array

Doubles = NDArray[np.float64]
BLOCK = 32
HEADS = 4
MASKED = -1e4


@dataclass(frozen=True, kw_only=True)
class Operator:
    name: str
    model: bytes
    inputs: dict[str, Array]
    expected: Doubles


def operators() -> Iterator[Operator]:
    draw = np.random.default_rng(4)

    def normal(*shape: int, spread: float = 1.0) -> Array:
        """float32 numbers that fp16 has too, so that only the operator rounds."""
        return draw.normal(0, spread, shape).astype(np.float16).astype(np.float32)

    # One row, some, and many take kernels of their own.
    for bits in (8, 4):
        for rows in (1, 5, 40):
            x, (stored, scales, matrix) = normal(2, rows, 128), _blocks(normal(96, 128), bits)
            bias = normal(96).astype(np.float16)
            yield _operator(
                f"MatMulNBits, {bits} bits, {rows} rows",
                ("MatMulNBits", ("x", "w", "s", "", "", "b"), _nbits(128, 96, bits)),
                {"x": x},
                {"w": stored, "s": scales.reshape(-1), "b": bias},
                x @ matrix.T + bias,
            )
        stored, scales, table = _blocks(normal(50, 64), bits)
        ids = draw.integers(0, 50, (2, 7)).astype(np.int32)
        gather = {"bits": bits, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
        yield _operator(
            f"GatherBlockQuantized, {bits} bits",
            ("GatherBlockQuantized", ("t", "ids", "s"), gather),
            {"ids": ids},
            {"t": stored.reshape(50, -1), "s": scales},
            table[ids],
        )
    x, y = normal(2, HEADS, 40, 16), normal(2, HEADS, 16, 40)
    yield _operator("MatMul", ("MatMul", ("x", "y"), {}), {"x": x, "y": y}, {}, _doubles(x) @ y)
    x = normal(2, HEADS, 40, 40, spread=3)
    yield _operator("Softmax", ("Softmax", ("x",), {"axis": -1}), {"x": x}, {}, _softmax(x))
    x = normal(2, 40, 64, spread=3)
    erf = np.vectorize(math.erf)(_doubles(x) / math.sqrt(2))
    yield _operator("Gelu", ("Gelu", ("x",), {}), {"x": x}, {}, x * (1 + erf) / 2)
    quick = x / (1 + np.exp(-1.702 * _doubles(x)))
    yield _operator("QuickGelu", ("QuickGelu", ("x",), {"alpha": 1.702}), {"x": x}, {}, quick)
    for length in (5, 50, 77):
        for causal in (False, True):
            yield _attention([normal(2, length, 64) for _ in range(3)], causal=causal)
    x, skip, gain, shift = normal(2, 40, 64), normal(2, 40, 64), normal(64), normal(64)
    halves = {"g": gain.astype(np.float16), "b": shift.astype(np.float16)}
    yield _operator(
        "SkipLayerNormalization",
        ("SkipLayerNormalization", ("x", "y", "g", "b"), {"epsilon": 1e-5}),
        {"x": x, "y": skip},
        halves,
        _layer_norm(_doubles(x) + skip, 1e-5) * gain + shift,
    )


Node = tuple[str, Sequence[str], dict[str, object]]
CONTRIB = {
    "MatMulNBits",
    "GatherBlockQuantized",
    "QuickGelu",
    "MultiHeadAttention",
    "SkipLayerNormalization",
}


def _operator(
    name: str, node: Node, inputs: dict[str, Array], held: dict[str, Array], expected: Doubles
) -> Operator:
    kind, names, attributes = node
    halves = {k: f"{k}.half" for k, v in inputs.items() if v.dtype == np.float32}
    casts = [helper.make_node("Cast", [k], [v], to=TensorProto.FLOAT16) for k, v in halves.items()]
    graph = helper.make_graph(
        [
            *casts,
            helper.make_node(
                kind,
                [halves.get(each, each) for each in names],
                ["result"],
                domain="com.microsoft" if kind in CONTRIB else "",
                **attributes,
            ),
            helper.make_node("Cast", ["result"], ["out"], to=TensorProto.FLOAT),
        ],
        "operator",
        [
            helper.make_tensor_value_info(
                k, helper.np_dtype_to_tensor_dtype(v.dtype), list(v.shape)
            )
            for k, v in inputs.items()
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, list(expected.shape))],
        [numpy_helper.from_array(v, k) for k, v in held.items()],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model: onnx.ModelProto = helper.make_model(graph, ir_version=10, opset_imports=opsets)
    return Operator(
        name=name, model=model.SerializeToString(), inputs=inputs, expected=_doubles(expected)
    )


def _attention(projected: Sequence[Array], *, causal: bool) -> Operator:
    """The mask is attention_bias, the operator's sixth input."""
    length = projected[0].shape[1]
    query, key, value = (
        _doubles(each).reshape(2, length, HEADS, -1).transpose(0, 2, 1, 3) for each in projected
    )
    mask = np.triu(np.full((length, length), MASKED), 1) if causal else np.zeros((length, length))
    weights = _softmax(query @ key.transpose(0, 1, 3, 2) / math.sqrt(query.shape[-1]) + mask)
    names = ("q", "k", "v", "", "", "mask") if causal else ("q", "k", "v")
    return _operator(
        f"MultiHeadAttention, {length} tokens{', causal' if causal else ''}",
        ("MultiHeadAttention", names, {"num_heads": HEADS}),
        dict(zip("qkv", projected, strict=True)),
        {"mask": mask.astype(np.float16)[None, None]} if causal else {},
        (weights @ value).transpose(0, 2, 1, 3).reshape(2, length, -1),
    )


def _blocks(matrix: Array, bits: int) -> tuple[Array, Array, Doubles]:
    """Rows cut into blocks and rounded: what is stored, the scales, and what they stand for."""
    rows, columns = matrix.shape
    blocks = _doubles(matrix).reshape(rows, columns // BLOCK, BLOCK)
    most = 2 ** (bits - 1) - 1
    scales = (np.abs(blocks).max(axis=2) / most).astype(np.float16)
    levels = np.clip(np.rint(blocks / scales[:, :, None]), -most, most)
    stored = (levels + most + 1).astype(np.uint8)
    if bits == 4:
        stored = stored[:, :, 0::2] | stored[:, :, 1::2] << 4
    return stored, scales, (levels * scales[:, :, None]).reshape(rows, columns)


def _nbits(inner: int, outer: int, bits: int) -> dict[str, object]:
    return {"K": inner, "N": outer, "bits": bits, "block_size": BLOCK, "accuracy_level": 0}


def _doubles(value: Array) -> Doubles:
    return value.astype(np.float64)


def _softmax(value: Array) -> Doubles:
    raised = np.exp(_doubles(value) - value.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _layer_norm(value: Doubles, epsilon: float) -> Doubles:
    centred = value - value.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(value.var(axis=-1, keepdims=True) + epsilon)
