// One picture: bytes of a file -> uint8 [3, size, size] as Pillow and open_clip make it. The
// decoders agree bit for bit, the resizers don't; so the browser decodes and bicubic.js resizes.

import { essentials } from './essentials.js';
import { geometry } from './geometry.js';
import { plan, resample } from './bicubic.js';
import { isWhole, mediaType } from './wholeness.js';

/** @typedef {import('./geometry.js').Preprocessing} Preprocessing */

/** No colour management and no alpha arithmetic: Pillow does none either. */
const DECODE_AS_STORED = Object.freeze(
  /** @type {ImageBitmapOptions} */ ({
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  }),
);

/**
 * @param {Uint8Array<ArrayBuffer>} file JPEG, PNG or WebP of a kind that dva_agent.images.sniff lets through
 * @param {Preprocessing} spec
 * @returns {Promise<Uint8Array | null>} null if no picture can be made of it
 */
export async function preprocess(file, spec) {
  if (!(await isWhole(file))) return null;
  const bitmap = await decode(file);
  if (bitmap === null) return null;
  try {
    const how = plan(bitmap.width, bitmap.height, geometry(bitmap.width, bitmap.height, spec));
    return resample(readBack(bitmap, how.window), how);
  } finally {
    bitmap.close();
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} file
 * @returns {Promise<ImageBitmap | null>} null where the decoder refuses the file
 */
async function decode(file) {
  try {
    const blob = new Blob(essentials(file), { type: mediaType(file) });
    return await createImageBitmap(blob, DECODE_AS_STORED);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'InvalidStateError') return null;
    throw error;
  }
}

/**
 * @param {ImageBitmap} bitmap
 * @param {import('./bicubic.js').Window} window
 * @returns {Uint8ClampedArray} RGBA
 */
function readBack(bitmap, { left, top, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  // Kept in main memory, where it is read at once: no trip to a graphics card and back.
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  if (context === null) throw new Error('This browser gives no 2D canvas to a Worker.');
  context.drawImage(bitmap, -left, -top);
  return context.getImageData(0, 0, width, height).data;
}
