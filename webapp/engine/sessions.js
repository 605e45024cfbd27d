// onnxruntime-web for one rung: which build, which execution provider, and sessions that fail
// rather than leave the GPU.

import { TabError, messageOf } from './errors.js';
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
 * @returns {Promise<Ort>}
 */
export async function loadOrt(rung) {
  // Its own address, not one below this module's: it outlasts many editions of the page.
  const at = (/** @type {string} */ name) => new URL(`/static/app/ort/${name}`, import.meta.url).href;
  const build = DEMANDS[rung].gpu ? BUILDS.webgpu : BUILDS.wasm;
  /** @type {Ort} */
  const ort = await import(at(build.module));
  ort.env.logLevel = 'error';
  ort.env.wasm.wasmPaths = { wasm: at(build.wasm) };
  ort.env.wasm.numThreads = threadsFor(rung);
  return ort;
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
  try {
    return await ort.InferenceSession.create(model, { ...options, externalData });
  } catch (error) {
    throw new TabError('rung_unavailable', `${tower.path} can't be run here: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
