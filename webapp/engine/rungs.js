// The rungs of the tab's ladder: the same weights in other arithmetic. What each asks of the device
// is known here, so that nothing is downloaded for one that can't be had.

/** @typedef {'webgpu-f16-fused' | 'webgpu-f16' | 'webgpu-f32-fused' | 'webgpu-f32' | 'wasm'} TabRung */

/** @typedef {{path: string, data_paths: string[]}} Tower of the bundle's manifest */

/**
 * @typedef {object} Demands
 * @property {boolean} gpu
 * @property {boolean} half whether the GPU has to know 16-bit floats
 * @property {number} batch images or captions in one run: enough to fill a graphics card, little enough
 *   for a phone's memory
 */

const ON_GPU = Object.freeze({ gpu: true, half: false, batch: 32 });
const IN_HALF = Object.freeze({ ...ON_GPU, half: true });

/** @type {Readonly<Record<TabRung, Demands>>} the best first */
export const DEMANDS = Object.freeze({
  'webgpu-f16-fused': IN_HALF,
  'webgpu-f16': IN_HALF,
  'webgpu-f32-fused': ON_GPU,
  'webgpu-f32': ON_GPU,
  wasm: Object.freeze({ gpu: false, half: false, batch: 8 }),
});

export const LADDER = Object.freeze(Object.keys(DEMANDS));

/**
 * @param {string} rung
 * @returns {rung is TabRung}
 */
export function isTabRung(rung) {
  return Object.hasOwn(DEMANDS, rung);
}

/**
 * @template {{path: string}} F
 * @param {{rungs: Partial<Record<string, Record<'image' | 'text', Tower>>>, files: F[]}} manifest
 * @param {string} rung
 * @returns {F[]} what a tab downloads for it, and none of what only other rungs need; empty if the bundle
 *   lacks it
 */
export function filesOf({ rungs, files }, rung) {
  const spec = rungs[rung];
  if (spec === undefined) return [];
  const needed = [spec.image, spec.text].flatMap(({ path, data_paths }) => [path, ...data_paths]);
  return files.filter(({ path }) => needed.includes(path));
}
