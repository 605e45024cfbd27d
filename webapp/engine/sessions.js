// onnxruntime-web for one rung: which build, which execution provider, and sessions that fail
// rather than leave the GPU.

import { TabError, messageOf } from './errors.js';
import { get } from './http.js';
import { DEMANDS } from './rungs.js';

/** @typedef {typeof import('onnxruntime-web')} Ort */
/** @typedef {import('onnxruntime-web').InferenceSession} Session */
/** @typedef {import('onnxruntime-web').InferenceSession.SessionOptions} SessionOptions */
/** @typedef {import('./rungs.js').TabRung} TabRung */
/** @typedef {import('./rungs.js').Tower} Tower */

const BUILDS = Object.freeze({
  webgpu: { module: 'ort.webgpu.bundle.min.mjs', wasm: 'ort-wasm-simd-threaded.asyncify.wasm' },
  // The asyncify build's own wasm provider lacks GatherBlockQuantized, so this is another one.
  wasm: { module: 'ort.wasm.bundle.min.mjs', wasm: 'ort-wasm-simd-threaded.wasm' },
});

const MAX_THREADS = 8;

/** Whose WebAssembly was begun: it is needed no more. @type {WeakSet<Ort>} */
const begun = new WeakSet();
/** How often each module didn't load. @type {Map<string, number>} */
const failures = new Map();

/**
 * @param {TabRung} rung
 * @returns {number} how many threads the wasm rung may use; all but one of the machine's, at least 2
 */
export function threadsFor(rung) {
  if (rung !== 'wasm' || !self.crossOriginIsolated) return 1;
  const cores = navigator.hardwareConcurrency || 1;
  return Math.min(cores, MAX_THREADS, Math.max(2, cores - 1));
}

/**
 * @param {TabRung} rung
 * @returns {Promise<Ort>} with all that it needs from the server
 */
export async function loadOrt(rung) {
  // Its own address, not one below this module's: it outlasts many editions of the page.
  const at = (/** @type {string} */ name) => new URL(`/static/app/ort/${name}`, import.meta.url).href;
  const build = DEMANDS[rung].gpu ? BUILDS.webgpu : BUILDS.wasm;
  const ort = await importOrt(at(build.module));
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = threadsFor(rung);
  // Fetched by us: onnxruntime would ask once, and after a failure refuse every session of this Worker.
  if (!begun.has(ort)) ort.env.wasm.wasmBinary ??= await get(at(build.wasm), null);
  return ort;
}

/**
 * @param {string} url of the module
 * @returns {Promise<Ort>}
 */
async function importOrt(url) {
  const before = failures.get(url) ?? 0;
  try {
    // Some browsers never ask again for an address that failed.
    return await import(before === 0 ? url : `${url}?again=${before}`);
  } catch (error) {
    failures.set(url, before + 1);
    // A module that can't be had is a TypeError, one that can't be understood is another error.
    const code = error instanceof TypeError ? 'unreachable' : 'rung_unavailable';
    throw new TabError(code, `onnxruntime-web can't be loaded (${messageOf(error)}).`, { cause: error });
  }
}

/**
 * @param {Ort} ort
 * @param {GPUDevice | null} device
 * @returns {SessionOptions}
 */
export function sessionOptions(ort, device) {
  if (device === null) return { executionProviders: ['wasm'] };
  // Both are needed: the provider takes its device from the one, the run time from the other. A
  // provider given as a string would drop its options.
  ort.env.webgpu.device = device;
  return {
    executionProviders: [{ name: 'webgpu', device }],
    // A node that leaves the GPU is a fault of the bundle, and slow: better to fail.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  };
}

/**
 * @param {Ort} ort
 * @param {SessionOptions} options
 * @param {Tower} tower
 * @param {Map<string, Uint8Array>} files
 * @returns {Promise<Session>}
 */
export async function openSession(ort, options, tower, files) {
  const model = files.get(tower.path);
  if (model === undefined) throw new TabError('bundle_invalid', `The bundle lists no ${tower.path}.`);
  const externalData = tower.data_paths.map((path) => {
    const data = files.get(path);
    if (data === undefined) throw new TabError('bundle_invalid', `The bundle lists no ${path}.`);
    return { path: path.slice(path.lastIndexOf('/') + 1), data };
  });
  begun.add(ort);
  try {
    return await ort.InferenceSession.create(model, { ...options, externalData });
  } catch (error) {
    throw new TabError('rung_unavailable', `${tower.path} can't be run here: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    delete ort.env.wasm.wasmBinary;
  }
}
