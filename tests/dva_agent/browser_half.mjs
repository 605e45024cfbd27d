// dva_agent.browser under Pyodide in node, with an engine that shows what crosses the border.
// node browser_half.mjs PYODIDE_FOLDER: prints one JSON object.

const [folder] = process.argv.slice(2);
const { loadPyodide } = await import(`${folder}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: `${folder}/`, stdout: () => {}, stderr: () => {} });
await python.loadPackage('dva-agent', { messageCallback: () => {} });

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const fail = (code, more) => {
  throw Object.assign(new Error('as told'), { code, ...more });
};
const got = {};
const released = [];
let running = 0;
let overlapping = false;

const engine = {
  rung: 'wasm',
  deviceClass: 'node',
  batchSize: 4,
  async fetch(url, start, size) {
    got.fetch = [url, start, size];
    if (url === 'refused') fail('refused', { status: 404, nextStep: 'look elsewhere' });
    if (url === 'busy') fail('busy', { retryAfterS: 7 });
    if (url === 'unknown') fail('something else');
    return { bytes: url };
  },
  async read(blob, spans) {
    got.read = [blob.bytes, spans.constructor.name, ...spans];
    return new Uint8Array([1, 2, 3]);
  },
  async join(blobs) {
    return { bytes: blobs.map((blob) => blob.bytes).join('+') };
  },
  async pixels(blob, spans) {
    got.pixels = [spans.constructor.name, ...spans];
    return { pixels: { name: 'pixels' }, statuses: new Uint8Array([0, 2]) };
  },
  async encodeImages() {
    overlapping ||= running++ > 0;
    await later(100);
    running--;
    return { name: 'images' };
  },
  async encodeTexts(ids, n, t) {
    got.encodeTexts = [ids.constructor.name, ...ids, n, t];
    if (n === 3) fail('device_lost');
    return { name: 'texts' };
  },
  async similarity(images, texts, rows) {
    got.similarity = [images.name, texts.map((text) => text.name), [...rows]];
    return new Float32Array([0.5, -0.25]);
  },
  async checksums() {
    return ['a', 'b'];
  },
  async download() {
    return new Uint8Array([9, 8]);
  },
  release(handle) {
    released.push(handle.name ?? handle.bytes);
  },
  async close() {},
};

const identity = {
  describe: () => JSON.stringify({
    accountKey: btoa('a'.repeat(32)), keyAlgorithm: 'p256', deviceKey: btoa('d'.repeat(65)), certificate: btoa('c'.repeat(64)),
  }),
  async sign(statement) {
    got.sign = [statement.constructor.name, ...statement];
    return new Uint8Array(64).fill(7);
  },
};

python.globals.set('js_engine', engine);
python.globals.set('js_identity', identity);
const seen = await python.runPythonAsync(`
import asyncio, json
from dva_agent.browser import BrowserEngine
from dva_agent.browser_identity import BrowserIdentity
from dva_agent.errors import DvaError
from dva_agent.protocol import Span

engine = BrowserEngine(js_engine)
seen = {"properties": [engine.rung, engine.device_class, engine.batch_size]}
blob = await engine.fetch("shard", Span(start=2**40, size=5))
parts = await engine.read(blob, [Span(start=0, size=1), Span(start=2**33, size=2)])
seen["parts"] = [list(part) for part in parts]
pixels, statuses = await engine.pixels(blob, [None, Span(start=3, size=4)])
seen["statuses"] = statuses
texts = await engine.encode_texts([[1, 2, 3], [4, 5, 0]])
images = await engine.encode_images(pixels)
seen["scores"] = await engine.similarity(images, [texts, texts], [1, 0])
seen["checksums"] = await engine.checksums(pixels)
seen["download"] = list(await engine.download(images))
joined = await engine.join([blob, await engine.fetch("other")])
identity = BrowserIdentity(js_identity)
described = (identity.account_key, identity.device_key, identity.certificate)
seen["identity"] = [identity.key_algorithm, *(part.decode() for part in described)]
seen["signature"] = list(await identity.sign(bytes((1, 0, 255))))
seen["errors"] = []
for failing in (
    engine.fetch("refused"),
    engine.fetch("busy"),
    engine.fetch("unknown"),
    engine.encode_texts([[1]] * 3),
    engine.read(blob, [Span(start=0, size=9)]),
):
    try:
        await failing
    except DvaError as error:
        more = getattr(error, "status", getattr(error, "retry_after_s", None))
        seen["errors"].append([error.code, str(error), error.next_step, more])

called_off = asyncio.ensure_future(engine.encode_images(pixels))
await asyncio.sleep(0.02)
called_off.cancel()
results = await asyncio.gather(called_off, return_exceptions=True)
seen["called_off"] = type(results[0]).__name__
await engine.encode_images(pixels)
engine.release(joined, pixels)
json.dumps(seen)
`);
console.log(JSON.stringify({ seen: JSON.parse(seen), got, released, overlapping }));
