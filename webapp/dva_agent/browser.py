"""The Python half of the browser engine. Imported only under Pyodide, in the tab's Worker.

The JavaScript half builds to this list. Names are JavaScript's; `Promise<T>` is awaited here.

The worker calls

    const agent = pyodide.pyimport('dva_agent.browser').start(host, configJson);
    agent.pause(); agent.resume();          // between batches; held leases are kept and renewed
    agent.stop(true);                       // finish and submit what is held, take nothing new
    agent.stop(false);                      // drop what is held and abandon it at once
    const reason = await agent.wait();      // "drained" or "stopped"; rejects on a fatal error,
                                            // a PythonError; the event {kind: "fatal"} came before
    agent.destroy();                        // as for any PyProxy, after wait()

config (JSON)
    server      string    origin of the server, such as "http://127.0.0.1:8000"
    pool        string|null   only this pool, or any
    rungs       string[]  the ladder, best first: ["webgpu-f32", "wasm"]
    device      {device, token}|null   what `saveDevice` was given on an earlier visit
    platform    string    label for Registration.device_class before an engine is known
    untilDrained  bool    end when the pool is drained (tests); else wait for more work

host methods
    openEngine(rung, manifestJson, bundleUrl) -> Promise<engine>
        Download (bytes shown by JavaScript itself), sessions, warm-up. Throws `rung_unavailable`.
        `bundleUrl` is absolute and ends with a slash; a file is at bundleUrl + path.
    request(method, url, headersJson, body) -> Promise<{status, headers, body}>
        fetch() of a small message. `headersJson` and `headers` are JSON objects, lower-case names
        in the answer; `body` is a string both ways, "" for none. Any HTTP status resolves; no
        answer at all throws `unreachable`.
    emit(json)                 one event of dva_agent/events.py (`kind`, camelCase fields)
    seen(json, blob)           event "seen"; `blob` is the handle `fetch` gave: slice the pictures
                               to show before returning, it may be released right after
    saveDevice(json)           {device, token}: keep it for the next visit

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
        marker FF D9 after the first scan's header, PNG's chunks reach IEND and the checksums of
        IHDR, IDAT, IEND are right, WebP's RIFF length lies in the file), or if the decoder fails.
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
bundle_invalid (a downloaded file's sha256 is wrong). Optional `nextStep`: what the person can do.
Anything without a known code is taken for engine_failed (from an engine) or unreachable (from
`request`).
"""
