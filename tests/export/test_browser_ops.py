"""Both towers run in a real browser: on WebGPU with no node left to the CPU, and on plain wasm.

`disable_cpu_ep_fallback` makes a session fail if any node can't run on the GPU; a graph that
needs the CPU is tried as well, to see that it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest
from onnx import TensorProto, helper
from playwright.sync_api import Browser, Page

from export.weights import Kind
from tests.export.conftest import Made
from tests.export.ort_page import Array, Provider, ort_site, run

BATCH = 8
SHORT = 20
"""Tokens: captions that fit are also tried cut to this length."""


@pytest.fixture(scope="module")
def ort_page(chromium: Browser) -> Iterator[Page]:
    """One page for all, so that shaders are compiled once."""
    with ort_site() as address, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.goto(address)
        yield page


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("provider", ["wasm", "webgpu"])
@pytest.mark.parametrize("network", ["demo", "vit"])
@pytest.mark.parametrize("kind", ["fp32", "q8"])
def test_every_node_runs_and_gives_the_golden_numbers(
    provider: Provider,
    network: str,
    kind: Kind,
    make_bundle: Callable[[str, Kind], Made],
    golden_pixels: Callable[[Made], Array],
    ort_page: Page,
) -> None:
    made = make_bundle(network, kind)
    manifest = decode_manifest((made.folder / MANIFEST).read_bytes())
    golden = decode_golden((made.folder / manifest.golden_path).read_bytes(), manifest)
    images, texts = (
        np.stack([np.frombuffer(vector, "<f4") for vector in vectors])
        for vectors in (
            [pair.expected["f32"].image_embedding for pair in golden.pairs],
            [pair.expected["f32"].text_embedding for pair in golden.pairs],
        )
    )
    spec = manifest.rungs["webgpu-f32"]
    pixels = golden_pixels(made)
    ids = np.array([pair.ids for pair in golden.pairs], np.int32)
    short = ids.argmax(axis=1) < SHORT
    assert short.sum() > 3
    for name, tower, value, expected in (
        ("pixels", spec.image, pixels[:BATCH], images[:BATCH]),
        ("pixels", spec.image, pixels[5:6], images[5:6]),  # one row takes another kernel
        ("ids", spec.text, ids[:BATCH], texts[:BATCH]),
        ("ids", spec.text, np.ascontiguousarray(ids[short, :SHORT]), texts[short]),
        ("ids", spec.text, ids[5:6], texts[5:6]),
    ):
        body = (made.folder / tower.path).read_bytes()
        data = {path: (made.folder / path).read_bytes() for path in tower.data_paths}
        found = run(ort_page, provider, body, {name: value}, data).output
        difference = np.abs(found - expected).max()
        print(f"{made.network} {made.kind} {tower.path} {provider}: {difference:.1e}")
        assert difference <= spec.tolerance.embedding
        assert difference <= 2e-6  # what was measured, with room for another machine's adapter


@pytest.mark.browser
def test_a_node_for_the_cpu_alone_is_noticed(ort_page: Page) -> None:
    """The check above can fail: an ArgMax over int64 isn't the GPU's."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["ids"], ["long"], to=TensorProto.INT64),
            helper.make_node("ArgMax", ["long"], ["place"], axis=1, keepdims=0),
            helper.make_node("Cast", ["place"], ["out"], to=TensorProto.FLOAT),
        ],
        "argmax",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["N", "T"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N"])],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    onnx.checker.check_model(model)
    body, ids = model.SerializeToString(), np.array([[1, 5, 2]], np.int32)
    assert run(ort_page, "wasm", body, {"ids": ids}).output.tolist() == [1.0]
    with pytest.raises(Exception, match=r"(?i)fallback"):
        run(ort_page, "webgpu", body, {"ids": ids})
