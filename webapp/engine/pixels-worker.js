// A Worker that makes pixels, so that decoding the next batch goes on beside the arithmetic of
// this one.

import { preprocess } from './preprocess.js';
import { messageOf } from './errors.js';

/**
 * `files[i]` null: no image, a zero row with status 0.
 * @typedef {object} PixelsRequest
 * @property {number} id
 * @property {(Uint8Array<ArrayBuffer> | null)[]} files
 * @property {import('./geometry.js').Preprocessing} spec
 */

/**
 * @typedef {{id: number, pixels: Uint8Array<ArrayBuffer>, statuses: Uint8Array}
 *   | {id: number, failure: string}} PixelsAnswer
 */

const IMAGE_BROKEN = 2;

/** Decoded pictures in memory at once. */
const AT_ONCE = 4;

/**
 * @param {PixelsRequest} request
 * @returns {Promise<{pixels: Uint8Array<ArrayBuffer>, statuses: Uint8Array}>}
 */
async function answer({ files, spec }) {
  const row = 3 * spec.size * spec.size;
  const pixels = new Uint8Array(files.length * row);
  const statuses = new Uint8Array(files.length);
  let next = 0;
  const work = async () => {
    while (next < files.length) {
      const i = next++;
      const file = files[i];
      if (file === null) continue;
      const made = await preprocess(file, spec);
      if (made === null) statuses[i] = IMAGE_BROKEN;
      else pixels.set(made, i * row);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { pixels, statuses };
}

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

scope.onmessage = async (/** @type {MessageEvent<PixelsRequest>} */ { data }) => {
  try {
    const { pixels, statuses } = await answer(data);
    scope.postMessage({ id: data.id, pixels, statuses }, [pixels.buffer]);
  } catch (error) {
    scope.postMessage({ id: data.id, failure: messageOf(error) });
  }
};
