"""The Python half of the browser engine. Imported only under Pyodide, in the tab's Worker.

The JavaScript half builds to this list. Names are JavaScript's; `Promise<T>` is awaited here.

The worker calls

    const agent = pyodide.pyimport('dva_agent.browser').start(host, configJson);
    agent.pause(); agent.resume();          // between batches; held leases are kept and renewed
    agent.pace(0.25);                       // compute a quarter of the time from now on
    agent.stop(true);                       // finish and submit what is held, take nothing new
    agent.stop(false);                      // drop what is held and abandon it at once
    const ending = await agent.wait();      // "drained", "stopped", or "failed": the event of kind
                                            // "fatal" has said why. Rejects only for a bug.
    agent.destroy();                        // as for any PyProxy, after wait()

config (JSON)
    server      string    origin of the server, such as "http://127.0.0.1:8000"
    pool        string|null   only this pool, or any
    rungs       string[]  the ladder, best first, such as ["webgpu-f32", "wasm"]; those that a
                          bundle lacks are passed over
    allowSoftware  bool   whether an imitated graphics card will do: JavaScript's own affair
    platform    string    label for Registration.device_class before an engine is known
    browser     string    one of readiness.Browser
    untilDrained  bool    end when the pool is drained (tests); else wait for more work
    share       number    of the time to compute, in (0, 1]

host methods
    openEngine(rung, manifestJson, bundleUrl) -> Promise<engine>
        Download (bytes shown by JavaScript itself), sessions, warm-up; each halts while the
        worker has paused the agent. Throws `rung_unavailable`.
        "python": nothing of that; encodeImages, encodeTexts, similarity and download throw
        `engine_failed`.
        `bundleUrl` is absolute and ends with a slash; a file is at bundleUrl + path.
    request(method, url, headersJson, body) -> Promise<{status, headers, body}>
        fetch() of a small message. `headersJson` and `headers` are JSON objects, lower-case names
        in the answer; `body` is a string both ways, "" for none. Any HTTP status resolves; no
        answer at all throws `unreachable`.
    emit(json)                 one event of dva_agent/events.py (`kind`, camelCase fields)
    seen(json, blob)           event "seen"; `blob` is the handle `fetch` gave: slice the pictures
                               to show before returning, it may be released right after
    saveDevice(json)           {device, token}, whenever there is a new token
    identity                   webapp/engine/signer.js: describe() -> JSON, sign(Uint8Array) ->
                               Promise<Uint8Array>

engine properties
    rung          string   one of protocol.Rung
    deviceClass   string   1..200 characters
    batchSize     number   at least 1

engine methods (handles are objects of yours, opaque here)
    fetch(url, start, size) -> Promise<blob>
        GET; with `Range` unless start is -1. Throws `unreachable`; `refused` with `status` if it
        is 4xx or the length isn't `size`; `busy` with `retryAfterS` for 429 and 503.
    read(blob, spans) -> Promise<Uint8Array>
        spans: Float64Array [start0, size0, start1, ...] relative to the blob. The parts, joined.
    join(blobs) -> Promise<blob>
        blobs: Array. One blob of all their bytes; the parts stay valid. (The golden images are
        separate files, and the self-test wants full batches.)
    pixels(blob, spans) -> Promise<{pixels, statuses}>
        spans as above; start -1: no image, a zero row, status 0. statuses: Uint8Array of
        protocol.PairStatus, 0 or 2 (IMAGE_BROKEN: zero row). One row per span, in order.
        Images have passed images.sniff, so kind and size are known to be supported. IMAGE_BROKEN
        is given by the rule of dva_agent/wholeness.py (the same in JavaScript: JPEG has an end
        marker FF D9 after the first scan's header, PNG's chunks reach IEND and their checksums
        are right, WebP's RIFF length lies in the file), or if the decoder fails. Throws
        `unreachable` if what decodes can't be loaded.
    encodeImages(pixels) -> Promise<embeddings>     throws `numeric_fault`
    encodeTexts(ids, n, t) -> Promise<embeddings>   ids: Int32Array of n * t, row by row
    similarity(images, texts, rows) -> Promise<Float32Array or Float64Array>
        texts: Array of embeddings, to be thought of as concatenated; rows: Int32Array, one for
        each image row: which text row it is compared with.
    checksums(pixels) -> Promise<string[]>          sha256 hex of each row's bytes
    download(embeddings) -> Promise<Uint8Array>     float32 little-endian
    release(handle)                                 synchronous; twice is harmless
    close() -> Promise<void>

Calls of encodeImages, encodeTexts, similarity and download never overlap one another; fetch, read
and pixels may be under way beside them.

Errors: throw an Error with a string `code`: rung_unavailable, device_lost, numeric_fault,
engine_failed, unreachable, busy (with number `retryAfterS`), refused (with number `status`),
bundle_invalid (a downloaded file's sha256 is wrong). Optional `nextStep`: what the person can do;
`reason`: a finer code to tell in the code's place.
Anything without a known code is taken for engine_failed (from an engine) or unreachable (from
`request`).
"""

from __future__ import annotations

import array
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
from msgspec import Struct
from pyodide.ffi import JsException, to_js

from dva_agent import errors
from dva_agent.answer import DEFAULT_RETRY_S, Answer
from dva_agent.arrival import Visitor
from dva_agent.assembly import assemble
from dva_agent.browser_identity import BrowserIdentity
from dva_agent.bundle import Manifest
from dva_agent.clock import SystemClock
from dva_agent.engine import Blob, Embeddings, Pixels
from dva_agent.events import Batch, Event, Fatal, to_json
from dva_agent.protocol import Device, PairStatus, Rung, Span, encode
from dva_agent.readiness import Browser
from dva_agent.runner import Ending, Errand, Runner

T = TypeVar("T")

_ENGINE_ERRORS: Mapping[str, type[errors.DvaError]] = {
    kind.default_code: kind
    for kind in (
        errors.BundleError,
        errors.EngineError,
        errors.RungUnavailable,
        errors.DeviceLost,
        errors.NumericFault,
        errors.Unreachable,
    )
}


class Config(Struct, frozen=True, kw_only=True, rename="camel"):
    """See the module's text."""

    server: str
    rungs: list[Rung]
    platform: str
    browser: Browser = "other"
    pool: str | None = None
    until_drained: bool = False
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


async def _awaited(promise: Awaitable[T], otherwise: type[errors.DvaError]) -> T:
    """What a promise resolves to; its rejection as an error of our tree, `otherwise` if it has no
    code of ours."""
    try:
        return await promise
    except JsException as error:
        raise _ours(error, otherwise) from error


def _ours(error: Any, otherwise: type[errors.DvaError]) -> errors.DvaError:
    message = str(getattr(error, "message", "")) or "The browser gave no reason."
    code = getattr(error, "code", None)
    next_step = getattr(error, "nextStep", None) or ""
    if code == errors.Busy.default_code:
        asked = getattr(error, "retryAfterS", None)
        seconds = float(asked) if isinstance(asked, int | float) else DEFAULT_RETRY_S
        return errors.Busy(message, retry_after_s=seconds)
    if code == errors.Refused.default_code:
        status = getattr(error, "status", None)
        return errors.Refused(
            message, next_step=next_step, status=status if isinstance(status, int) else 400
        )
    kind = _ENGINE_ERRORS.get(code, otherwise) if isinstance(code, str) else otherwise
    cause = getattr(error, "reason", None)
    return kind(message, code=cause if isinstance(cause, str) else "", next_step=next_step)


def _spans(spans: Sequence[Span | None]) -> Any:
    """Float64Array: offsets of a big unit don't fit 32 bits."""
    flat = [number for span in spans for number in ((span.start, span.size) if span else (-1, 0))]
    return to_js(array.array("d", flat))


class BrowserEngine:
    """The JavaScript engine as an `engine.Engine`. One border crossing for each call."""

    def __init__(self, js: Any) -> None:
        self._js = js

    @property
    def rung(self) -> Rung:
        return cast(Rung, str(self._js.rung))

    @property
    def device_class(self) -> str:
        return str(self._js.deviceClass)[:200] or "unknown"

    @property
    def batch_size(self) -> int:
        return int(self._js.batchSize)

    async def fetch(self, url: str, span: Span | None = None) -> Blob:
        start, size = (span.start, span.size) if span else (-1, 0)
        promise = self._js.fetch(url, start, size)
        return cast(Blob, await _awaited(promise, errors.Unreachable))

    async def read(self, blob: Blob, spans: Sequence[Span]) -> list[bytes]:
        if not spans:
            return []
        joined = (await self._engine(self._js.read(blob, _spans(spans)))).to_bytes()
        if len(joined) != sum(span.size for span in spans):
            raise errors.EngineError("A part reaches past the end of the fetched bytes.")
        parts = []
        start = 0
        for span in spans:
            parts.append(joined[start : start + span.size])
            start += span.size
        return parts

    async def join(self, blobs: Sequence[Blob]) -> Blob:
        return cast(Blob, await self._handle(self._js.join(to_js(list(blobs)))))

    async def pixels(
        self, blob: Blob, spans: Sequence[Span | None]
    ) -> tuple[Pixels, list[PairStatus]]:
        answer = await self._seen_out(
            self._js.pixels(blob, _spans(spans)), lambda late: self._js.release(late.pixels)
        )
        statuses = [PairStatus(status) for status in answer.statuses.to_bytes()]
        return cast(Pixels, answer.pixels), statuses

    async def encode_images(self, pixels: Pixels) -> Embeddings:
        return cast(Embeddings, await self._handle(self._js.encodeImages(pixels)))

    async def encode_texts(self, ids: Sequence[Sequence[int]]) -> Embeddings:
        flat = to_js(array.array("i", [token for row in ids for token in row]))
        promise = self._js.encodeTexts(flat, len(ids), len(ids[0]))
        return cast(Embeddings, await self._handle(promise))

    async def similarity(
        self, images: Embeddings, texts: Sequence[Embeddings], rows: Sequence[int]
    ) -> list[float]:
        promise = self._js.similarity(images, to_js(list(texts)), to_js(array.array("i", rows)))
        return [float(score) for score in await self._engine(promise)]

    async def checksums(self, pixels: Pixels) -> list[str]:
        return [str(digest) for digest in await self._engine(self._js.checksums(pixels))]

    async def download(self, embeddings: Embeddings) -> bytes:
        return bytes((await self._engine(self._js.download(embeddings))).to_bytes())

    def release(self, *handles: Blob | Pixels | Embeddings) -> None:
        for handle in handles:
            self._js.release(handle)

    async def close(self) -> None:
        await self._engine(self._js.close())

    async def _engine(self, promise: Any) -> Any:
        return await self._seen_out(promise, lambda _: None)

    async def _handle(self, promise: Any) -> Any:
        return await self._seen_out(promise, self._js.release)

    async def _seen_out(self, promise: Any, discard: Callable[[Any], None]) -> Any:
        """A promise can't be called off: when the caller is cancelled, it is waited for all the
        same, so that two calls never overlap, and what comes of it is discarded."""
        task = asyncio.ensure_future(_awaited(promise, errors.EngineError))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            late: Any = (await asyncio.gather(task, return_exceptions=True))[0]
            if not isinstance(late, BaseException):
                discard(late)
            raise


class Host:
    """The worker around this agent: transport, observer, opener of engines."""

    def __init__(self, js: Any) -> None:
        self._js = js

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        text = body.decode() if body is not None else ""
        promise = self._js.request(method, url, json.dumps(dict(headers)), text)
        answer = await _awaited(promise, errors.Unreachable)
        return Answer(
            status=int(answer.status),
            headers=json.loads(str(answer.headers)),
            body=str(answer.body).encode("utf-8", "replace"),
        )

    async def open_engine(self, rung: Rung, manifest: Manifest, url: str) -> BrowserEngine:
        promise = self._js.openEngine(rung, _manifest_json(manifest), url)
        return BrowserEngine(await _awaited(promise, errors.RungUnavailable))

    def event(self, event: Event) -> None:
        self._js.emit(to_json(event))

    def seen(self, batch: Batch, blob: Blob) -> None:
        self._js.seen(to_json(batch), blob)

    def save(self, device: Device) -> None:
        self._js.saveDevice(encode(device).decode())


def _manifest_json(manifest: Manifest) -> str:
    return msgspec.json.encode(manifest).decode()


class Control:
    """What the worker holds of a running agent."""

    def __init__(self, *, runner: Runner, host: Host) -> None:
        self._runner = runner
        self._host = host
        self._run = asyncio.ensure_future(self._go())

    def pause(self) -> None:
        """See Runner.pause."""
        self._runner.pause()

    def resume(self) -> None:
        """See Runner.resume."""
        self._runner.resume()

    def pace(self, share: float) -> None:
        """See Runner.pace."""
        self._runner.pace(float(share))

    def stop(self, finish: bool) -> None:
        """See Runner.stop."""
        self._runner.stop(finish=bool(finish))

    async def wait(self) -> Ending | Literal["failed"]:
        """How the run ended. "failed": the event `fatal` has said why."""
        return await asyncio.shield(self._run)

    async def _go(self) -> Ending | Literal["failed"]:
        try:
            summary = await self._runner.run()
        except errors.DvaError as error:
            self._host.event(Fatal(code=error.code, message=str(error), next_step=error.next_step))
            return "failed"
        return summary.ending


def start(js_host: Any, config_json: str) -> Control:
    """Start an agent; it runs in the worker's event loop from now on. Raises MessageError if the
    config isn't one."""
    try:
        config = msgspec.json.decode(config_json, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.MessageError(f"config: {error}") from error
    host = Host(js_host)
    runner = assemble(
        server=config.server,
        identity=BrowserIdentity(js_host.identity),
        transport=host,
        rungs=config.rungs,
        open_engine=host.open_engine,
        observer=host,
        visitor=Visitor(
            platform="browser", label=config.platform, save=host.save, browser=config.browser
        ),
        errand=Errand(pool=config.pool, until_drained=config.until_drained),
        clock=SystemClock(),
    )
    runner.pace(config.share)
    return Control(runner=runner, host=host)
