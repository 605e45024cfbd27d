"""Both towers in a real browser, on every rung: right, and on WebGPU with no node left to the CPU.

Chromium runs the f32 rungs on SwiftShader. Firefox runs all of them on lavapipe, which has fp16 and
is several times as fast, so the demo is left to it. A graph that needs the CPU is tried as well, to
see that it is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from dva_agent.bundle import MANIFEST, GoldenPair, Manifest, Tower, decode_golden, decode_manifest
from dva_agent.protocol import Rung
from onnx import TensorProto, helper
from playwright.sync_api import Browser, Page

from export.weights import Kind
from tests.export import ort_page as browser
from tests.export.conftest import Made
from tests.export.ort_page import Array, Ran, ort_site, run
from tests.firefox import Firefox

BATCH = 8
TOKENS = 16
"""Captions that fit are also tried cut to this length."""
ONE = 5
"""A pair that is run by itself: one row takes other kernels."""
OF_NATIVE = 1e-3
"""How far a score of the demo may be from native f32, whatever the rung."""
F32_EMBEDDING = 2e-6
"""What was measured, with room for another machine's adapter."""

ALL = [("vit", "fp32"), ("vit", "fp16"), ("vit", "q8"), ("vit", "q4"), ("demo", "q8")]
CASE = ("network", "kind")


@pytest.fixture(scope="module")
def ort_page(chromium: Browser) -> Iterator[Page]:
    """One page for all, so that shaders are compiled once."""
    with ort_site() as address, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(300_000)
        page.goto(address)
        yield page


@dataclass(frozen=True, kw_only=True)
class Known:
    """A bundle and its golden pairs as a tower takes them."""

    made: Made
    manifest: Manifest
    pairs: list[GoldenPair]
    pixels: Array
    ids: Array


@pytest.fixture
def known(
    network: str,
    kind: Kind,
    make_bundle: Callable[[str, Kind], Made],
    golden_pixels: Callable[[Made], Array],
) -> Known:
    made = make_bundle(network, kind)
    manifest = decode_manifest((made.folder / MANIFEST).read_bytes())
    golden = decode_golden((made.folder / manifest.golden_path).read_bytes(), manifest)
    ids = np.array([pair.ids for pair in golden.pairs], np.int32)
    return Known(
        made=made, manifest=manifest, pairs=golden.pairs, pixels=golden_pixels(made), ids=ids
    )


def check(page: browser.Page, known: Known, rung: Rung) -> int:
    """Both towers against the golden answers. Dispatches of eight pictures and of eight captions
    of 16 tokens."""
    spec = known.manifest.rungs[rung]
    golden = [pair.expected[spec.arithmetic] for pair in known.pairs]
    images = np.stack([np.frombuffer(each.image_embedding, "<f4") for each in golden])
    texts = np.stack([np.frombuffer(each.text_embedding, "<f4") for each in golden])
    [short] = np.nonzero(known.ids.argmax(axis=1) < TOKENS)
    short = np.resize(short, BATCH)
    all_images, one_image = _run(
        page, known, rung, spec.image, "pixels", known.pixels[:BATCH], known.pixels[ONE, None]
    )
    all_texts, one_text, short_texts = _run(
        page, known, rung, spec.text, "ids", known.ids[:BATCH], known.ids[ONE, None],
        np.ascontiguousarray(known.ids[short, :TOKENS]),
    )  # fmt: skip
    differences = [
        np.abs(ran.output - expected).max()
        for ran, expected in (
            (all_images, images[:BATCH]),
            (one_image, images[ONE, None]),
            (all_texts, texts[:BATCH]),
            (one_text, texts[ONE, None]),
            (short_texts, texts[short]),
        )
    ]
    scores = (all_images.output * all_texts.output).sum(axis=1)
    of_scores = np.abs(scores - [each.score for each in golden[:BATCH]]).max()
    native = [pair.expected["f32"].score for pair in known.pairs[:BATCH]]
    of_native = np.abs(scores - native).max()
    print(
        f"{known.made.network} {known.made.kind} {rung}: embeddings {max(differences):.1e} of "
        f"{spec.tolerance.embedding:.1e}, scores {of_scores:.1e} of {spec.tolerance.score:.1e}, "
        f"{of_native:.1e} from native f32; dispatches {all_images.dispatches} + "
        f"{short_texts.dispatches}"
    )
    assert max(differences) <= spec.tolerance.embedding
    assert max(differences) <= F32_EMBEDDING or spec.arithmetic == "f16"
    assert of_scores <= spec.tolerance.score
    # Of random weights, fp16 makes more: they cancel less.
    assert of_native <= OF_NATIVE or known.made.network != "demo"
    return all_images.dispatches + short_texts.dispatches


def _run(
    page: browser.Page, known: Known, rung: Rung, tower: Tower, name: str, *values: Array
) -> list[Ran]:
    folder = known.made.folder
    return run(
        page,
        "wasm" if rung == "wasm" else "webgpu",
        (folder / tower.path).read_bytes(),
        *({name: value} for value in values),
        files={path: (folder / path).read_bytes() for path in tower.data_paths},
    )


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(CASE, ALL)
def test_wasm(known: Known, ort_page: Page) -> None:
    check(ort_page, known, "wasm")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(CASE, [("vit", "q8")])
def test_webgpu_in_chromium(known: Known, ort_page: Page) -> None:
    fused = check(ort_page, known, "webgpu-f32-fused")
    assert 0 < fused < check(ort_page, known, "webgpu-f32")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(CASE, ALL)
def test_webgpu_in_firefox(known: Known, firefox: Firefox) -> None:
    with ort_site() as address:
        firefox.goto(address)
        found = {
            rung: check(firefox, known, rung)
            for rung in known.manifest.rungs
            if rung.startswith("webgpu-")
        }
    assert found.keys() >= {"webgpu-f32", "webgpu-f32-fused"}
    assert ("webgpu-f16" in found) == (known.made.kind != "fp32")
    for rung in found.keys() & {"webgpu-f32", "webgpu-f16"}:
        assert 0 < found[f"{rung}-fused"] < found[rung]


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
    [ran] = run(ort_page, "wasm", body, {"ids": ids})
    assert ran.output.tolist() == [1.0]
    with pytest.raises(Exception, match=r"(?i)fallback"):
        run(ort_page, "webgpu", body, {"ids": ids})
