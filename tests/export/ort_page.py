"""onnxruntime-web by itself in a browser's page: one model, a few runs, what they cost.

On WebGPU no node may be left to the CPU: `disable_cpu_ep_fallback` makes the session fail. A model
goes to the page with the call, or, if it is of true size, by its name in the site's folder: then it
stays loaded until another one comes.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

DIST = Path(__file__).parents[2] / "node_modules" / "onnxruntime-web" / "dist"
MODELS = "/models/"
Provider = Literal["webgpu", "wasm"]
Array = NDArray[Any]
Body = bytes | str
"""The bytes of a file, or its name in the site's folder."""

SCRIPT = """
async ([provider, model, files, runs]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const body = async (told) => typeof told === 'string' ? bytes(told)
    : new Uint8Array(await (await fetch(told.address)).arrayBuffer());
  const file = provider === 'webgpu' ? 'ort.webgpu.bundle.min.mjs' : 'ort.wasm.bundle.min.mjs';
  const ort = await import('/' + file);
  ort.env.wasm.wasmPaths = '/';
  ort.env.wasm.numThreads = 1;
  let options = {executionProviders: ['wasm']};
  if (provider === 'webgpu') {
    if (!globalThis.device) {
      const adapter = await navigator.gpu.requestAdapter();
      const {maxBufferSize, maxStorageBufferBindingSize} = adapter.limits;
      globalThis.device = await adapter.requestDevice({
        requiredFeatures: ['shader-f16'].filter((name) => adapter.features.has(name)),
        requiredLimits: {maxBufferSize, maxStorageBufferBindingSize},
      });
      globalThis.complaints = [];
      globalThis.device.onuncapturederror = ({error}) => globalThis.complaints.push(error.message);
      globalThis.dispatches = 0;
      for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
        const dispatch = GPUComputePassEncoder.prototype[name];
        GPUComputePassEncoder.prototype[name] = function (...size) {
          globalThis.dispatches++;
          return dispatch.apply(this, size);
        };
      }
    }
    ort.env.webgpu.device = globalThis.device;
    options = {
      executionProviders: [{name: 'webgpu', device: globalThis.device}],
      extra: {session: {disable_cpu_ep_fallback: '1'}},
    };
  }
  const load = async () => {
    options.externalData = await Promise.all(
      files.map(async ([path, told]) => ({path, data: await body(told)})));
    return await ort.InferenceSession.create(await body(model), options);
  };
  const stays = typeof model !== 'string';
  if (stays && globalThis.stays?.address !== model.address) {
    await globalThis.stays?.session.release();
    globalThis.stays = {address: model.address, session: await load()};
  }
  const session = stays ? globalThis.stays.session : await load();
  const views = {uint8: Uint8Array, int32: Int32Array, float32: Float32Array};
  const answers = [];
  for (const inputs of runs) {
    const feeds = Object.fromEntries(inputs.map(([name, type, dims, text]) =>
      [name, new ort.Tensor(type, new views[type](bytes(text).buffer), dims)]));
    const before = globalThis.dispatches ?? 0;
    const output = (await session.run(feeds))[session.outputNames[0]];
    const data = Array.from(await output.getData());
    const dispatches = (globalThis.dispatches ?? 0) - before;
    answers.push({dims: [...output.dims], data, dispatches});
  }
  if (!stays) await session.release();
  if (globalThis.complaints?.length) throw new Error(globalThis.complaints.splice(0).join('; '));
  return answers;
}
"""


class Page(Protocol):
    """Of Playwright, or tests.firefox."""

    def evaluate(self, expression: str, arg: Any = None, /) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The one output; `dispatches` of shaders in the run, 0 on wasm."""

    output: NDArray[np.float32]
    dispatches: int


class _Files(SimpleHTTPRequestHandler):
    """onnxruntime-web's files, a folder's under MODELS, and an empty page, isolated so that wasm
    may use threads."""

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
        if path.startswith(MODELS):
            return str(Path(self.directory, path.removeprefix(MODELS)))
        return str(DIST / path.strip("/")) if path != "/" else "/dev/null"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the test's own output matters."""


@contextmanager
def ort_site(models: Path = DIST) -> Iterator[str]:
    """The address of the empty page. `models`: a folder from which `run` may be given names."""
    handler = partial(_Files, directory=str(models))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def run(
    page: Page,
    provider: Provider,
    model: Body,
    *runs: Mapping[str, Array],
    files: Mapping[str, Body] | None = None,
) -> list[Ran]:
    """Runs of a model, one for each set of inputs. `files`: its external data. Raises whatever the
    page did."""
    answers = page.evaluate(
        SCRIPT,
        [
            provider,
            _told(model),
            [[path, _told(body)] for path, body in (files or {}).items()],
            [
                [
                    [name, str(value.dtype), list(value.shape), _text(value.tobytes())]
                    for name, value in inputs.items()
                ]
                for inputs in runs
            ],
        ],
    )
    return [
        Ran(
            output=np.array(answer["data"], np.float32).reshape(answer["dims"]),
            dispatches=answer["dispatches"],
        )
        for answer in answers
    ]


def _told(body: Body) -> str | dict[str, str]:
    return {"address": MODELS + body} if isinstance(body, str) else _text(body)


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()
