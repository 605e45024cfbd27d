"""Rounding by what comes into a linear: never worse for it than rounding each number by itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from dva_agent.errors import PairsError
from dva_agent.native.pairs import Pair, read_pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from export.build_onnx import calibrating_inputs
from export.bundle_writer import write_bundle
from export.calibration import (
    FEWEST,
    PAIRS,
    apart,
    calibration_inputs,
    image_calibration,
    text_calibration,
)
from export.feedback import quantize_with_feedback
from export.graphs import write_towers
from export.loaded import Loaded
from export.loading import load
from export.quantize import Bits, dequantize, quantize_rows
from export.reference import Inputs
from tests.export.inputs import random_inputs
from tests.web_app import ROOT

ROOM = "room in fp16,"
DEMO_POOL = ROOT / "build" / "demo-pool"


def correlated(rng: np.random.Generator, columns: int) -> np.ndarray:
    """Rows x [1000, columns] that lie near a few directions, some columns larger than others."""
    few = rng.normal(size=(1000, columns // 4)) @ rng.normal(size=(columns // 4, columns))
    return (few + 0.3 * rng.normal(size=few.shape)) * rng.uniform(0.1, 3, columns)


@settings(max_examples=8, deadline=None)
@given(bits=st.sampled_from([4, 8]), seed=st.integers(0, 99))
def test_it_halves_the_error_of_a_product(bits: Bits, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = correlated(rng, 192)
    matrix = rng.normal(size=(24, 192)).astype(np.float32)
    moments = x.T @ x / len(x)
    by_itself, together = (
        np.square(x @ (dequantize(blocks) - matrix).T).sum()
        for blocks in (
            quantize_rows(matrix, bits=bits),
            quantize_with_feedback(matrix, bits=bits, moments=moments),
        )
    )
    assert together < 0.5 * by_itself


@pytest.mark.parametrize("bits", [4, 8])
def test_inputs_without_correlation_change_nothing(bits: Bits) -> None:
    matrix = np.random.default_rng(0).normal(size=(24, 160)).astype(np.float32)
    found = quantize_with_feedback(matrix, bits=bits, moments=np.eye(160))
    assert np.array_equal(dequantize(found), dequantize(quantize_rows(matrix, bits=bits)))


def test_inputs_that_are_never_there_do_no_harm() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    found = quantize_with_feedback(matrix, bits=4, moments=np.zeros((64, 64)))
    assert np.abs(dequantize(found) - matrix).max() < 0.5


@pytest.fixture(scope="module")
def vit(checkpoint: Callable[[str], Path]) -> Loaded:
    return load(f"local-dir:{checkpoint('vit')}", accept_licence=True)


@pytest.fixture(scope="module")
def inputs(vit: Loaded) -> Inputs:
    return random_inputs(
        count=40,
        size=vit.preprocessing.size,
        context_length=vit.context_length,
        vocab_size=vit.vocab_size,
        seed=5,
    )


def test_moments_are_those_of_torch(vit: Loaded, inputs: Inputs, tmp_path: Path) -> None:
    """Of tokens up to the end of a text, and of all of a picture's."""
    write_towers(vit, "fp32", tmp_path)
    seen: dict[str, torch.Tensor] = {}
    blocks = {"image": vit.model.visual.transformer, "text": vit.model.transformer}  # type: ignore[union-attr]
    for tower, transformer in blocks.items():
        norm = transformer.resblocks[0].ln_2  # type: ignore[union-attr, index]
        norm.register_forward_hook(
            lambda _module, _given, made, tower=tower: seen.update({tower: made.detach()})
        )
    spec = vit.preprocessing
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (spec.mean, spec.std))
    with torch.inference_mode():
        vit.model.encode_image((torch.from_numpy(inputs.pixels).float() / 255 - mean) / std)  # type: ignore[operator]
        vit.model.encode_text(torch.from_numpy(inputs.ids).long())  # type: ignore[operator]
    image = seen["image"].numpy().reshape(-1, 64)
    ends = inputs.ids.argmax(axis=1)
    text = np.concatenate(
        [row[: end + 1] for row, end in zip(seen["text"].numpy(), ends, strict=True)]
    )
    for rows, calibration in (
        (image, image_calibration(tmp_path / "image.onnx", inputs)),
        (text, text_calibration(tmp_path / "text.onnx", inputs)),
    ):
        found = calibration.moments("block_0.widen")
        assert np.abs(found - rows.T @ rows / len(rows)).max() < 1e-4
        assert calibration.moments("projection").shape == (64, 64)


def test_moments_are_those_of_the_whole_graph(tmp_path: Path) -> None:
    """Block by block, of the demo on pairs of its pool, and again from an earlier block."""
    demo = load("demo")
    inputs = calibration_inputs(demo, read_pairs(DEMO_POOL), most=FEWEST)
    write_towers(demo, "fp32", tmp_path)
    graph = tmp_path / "image.onnx"
    model = onnx.load(graph, load_external_data=False)
    linears = {
        node.name.removesuffix(".matmul"): node.input[0]
        for node in model.graph.node
        if node.name.endswith(".matmul")
    }
    values = sorted(set(linears.values()))
    model.graph.output.extend(onnx.ValueInfoProto(name=value) for value in values)
    onnx.save_model(model, tmp_path / "open.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "open.onnx")
    whole = dict(zip(values, session.run(values, {"pixels": inputs.pixels}), strict=True))
    calibration = image_calibration(graph, inputs)
    assert calibration.linears == len(linears) > 20
    for name, value in [*linears.items(), *list(linears.items())[:1]]:
        rows = whole[value].reshape(-1, whole[value].shape[-1]).astype(np.float64)
        expected = rows.T @ rows / len(rows)
        found = calibration.moments(name)
        assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max(), name


def test_the_same_pairs_give_the_same_bundle(vit: Loaded, inputs: Inputs, tmp_path: Path) -> None:
    ids = [
        write_bundle(vit, kind="q4", out=tmp_path / name, calibrate=given).manifest.bundle
        for name, given in (("one", inputs), ("two", inputs), ("none", None))
    ]
    assert ids[0] == ids[1] != ids[2]


def test_long_steps_tell_how_far_they_are(vit: Loaded, inputs: Inputs, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    write_bundle(
        vit,
        kind="q4",
        out=tmp_path / "bundle",
        calibrate=inputs,
        progress=lambda what, done, total: told.setdefault(what, []).append((done, total)),
    )
    assert list(told) == [
        f"{step} {tower} tower" for tower in ("image", "text") for step in ("rounding the", ROOM)
    ]
    for steps in told.values():
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] >= 9


@given(count=st.integers(0, 700), measured=st.integers(0, 700))
def test_no_pair_is_both_calibrated_and_measured_on(count: int, measured: int) -> None:
    pairs = [Pair(key=str(number), picture=b"", caption="", facts=b"") for number in range(count)]
    calibrated, left = apart(iter(pairs), measured=measured)
    assert left <= measured
    assert set(pairs[:left]).isdisjoint(calibrated)
    assert len(calibrated) == min(count, PAIRS)
    assert list(calibrated) == pairs[left : left + len(calibrated)]


def test_the_export_holds_pairs_apart_where_shards_are_the_same(tmp_path: Path) -> None:
    demo = load("demo")
    again = tmp_path / "again"
    again.symlink_to(DEMO_POOL)
    inputs, left = calibrating_inputs(demo, again, DEMO_POOL, 1000)
    others = calibration_inputs(demo, islice(read_pairs(DEMO_POOL), 1000, 1000 + PAIRS))
    assert left == 1000
    assert np.array_equal(inputs.ids, others.ids)
    _, left = calibrating_inputs(demo, DEMO_POOL, DEMO_POOL, 10_000)
    assert left == sum(1 for _ in read_pairs(DEMO_POOL)) - PAIRS


def test_pairs_to_calibrate_on_are_whole_ones() -> None:
    loaded = load("demo")
    pairs = list(islice(read_pairs(DEMO_POOL), 60))
    broken = [Pair(key="x", picture=b"no picture", caption="x", facts=b""), *pairs]
    found = calibration_inputs(loaded, broken, most=40)
    assert found.pixels.shape == (40, 3, 64, 64)
    assert np.array_equal(found.ids, calibration_inputs(loaded, pairs, most=40).ids)
    with pytest.raises(PairsError, match="too few"):
        calibration_inputs(loaded, pairs[:20])
