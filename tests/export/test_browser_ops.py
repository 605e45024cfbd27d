"""Both towers run in a real browser: on WebGPU with no node left to the CPU, and on plain wasm.

`disable_cpu_ep_fallback` makes a session fail if any node can't run on the GPU; a graph that
needs the CPU is tried as well, to see that it does.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import onnx
import pytest
from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest
from onnx import TensorProto, helper
from playwright.sync_api import Browser, Page

from export.weights import Kind
from tests.export.conftest import Made

DIST = Path(__file__).parents[2] / "node_modules" / "onnxruntime-web" / "dist"
BATCH = 8
SHORT = 20
"""Tokens: captions that fit are also tried cut to this length."""
Provider = Literal["webgpu", "wasm"]
Array = np.ndarray

SCRIPT = """
async ([provider, model, input, type, dims, body]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const file = provider === 'webgpu' ? 'ort.webgpu.bundle.min.mjs' : 'ort.wasm.bundle.min.mjs';
  const ort = await import('/' + file);
  ort.env.wasm.wasmPaths = '/';
  ort.env.wasm.numThreads = 1;
  let options = {executionProviders: ['wasm']};
  if (provider === 'webgpu') {
    if (!globalThis.device) {
      const adapter = await navigator.gpu.requestAdapter();
      const {maxBufferSize, maxStorageBufferBindingSize} = adapter.limits;
      globalThis.device = await adapter.requestDevice(
        {requiredLimits: {maxBufferSize, maxStorageBufferBindingSize}});
    }
    ort.env.webgpu.device = globalThis.device;
    options = {
      executionProviders: [{name: 'webgpu', device: globalThis.device}],
      extra: {session: {disable_cpu_ep_fallback: '1'}},
    };
  }
  const session = await ort.InferenceSession.create(bytes(model), options);
  const data = type === 'uint8' ? bytes(body) : new Int32Array(bytes(body).buffer);
  const outputs = await session.run({[input]: new ort.Tensor(type, data, dims)});
  const output = outputs[session.outputNames[0]];
  const result = {dims: [...output.dims], data: Array.from(await output.getData())};
  await session.release();
  return result;
}
"""


class Files(SimpleHTTPRequestHandler):
    """onnxruntime-web's files and an empty page, isolated so that wasm may use threads."""

    extensions_map: ClassVar[dict[str, str]] = {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        "": "text/html",
    }

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def translate_path(self, path: str) -> str:
        return str(DIST / path.strip("/")) if path != "/" else "/dev/null"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the test's own output matters."""


@pytest.fixture(scope="module")
def ort_page(chromium: Browser) -> Iterator[Page]:
    """One page for all, so that shaders are compiled once."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with chromium.new_context() as context:
            page = context.new_page()
            page.set_default_timeout(300_000)
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            yield page
        server.shutdown()


def run(page: Page, provider: Provider, model: bytes, name: str, value: Array) -> Array:
    answer: dict[str, Any] = page.evaluate(
        SCRIPT,
        [
            provider,
            base64.b64encode(model).decode(),
            name,
            str(value.dtype),
            list(value.shape),
            base64.b64encode(value.tobytes()).decode(),
        ],
    )
    return np.array(answer["data"], np.float32).reshape(answer["dims"])


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
            [pair.image_embedding for pair in golden.pairs],
            [pair.text_embedding for pair in golden.pairs],
        )
    )
    pixels = golden_pixels(made)
    ids = np.array([pair.ids for pair in golden.pairs], np.int32)
    short = ids.argmax(axis=1) < SHORT
    assert short.sum() > 3
    for name, tower, value, expected in (
        ("pixels", "image.onnx", pixels[:BATCH], images[:BATCH]),
        ("pixels", "image.onnx", pixels[5:6], images[5:6]),  # one row takes another kernel
        ("ids", "text.onnx", ids[:BATCH], texts[:BATCH]),
        ("ids", "text.onnx", np.ascontiguousarray(ids[short, :SHORT]), texts[short]),
        ("ids", "text.onnx", ids[5:6], texts[5:6]),
    ):
        body = (made.folder / tower).read_bytes()
        found = run(ort_page, provider, body, name, value)
        difference = np.abs(found - expected).max()
        print(f"{made.network} {made.kind} {tower} {provider}: {difference:.1e}")
        assert difference <= manifest.tolerance.embedding
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
    assert run(ort_page, "wasm", body, "ids", ids).tolist() == [1.0]
    with pytest.raises(Exception, match=r"(?i)fallback"):
        run(ort_page, "webgpu", body, "ids", ids)
