// The bytes of a unit: fetched, read, and decoded where they are pictures. All that an agent without a
// model needs, and what the engine stands on. Its Python half and the list of methods:
// webapp/dva_agent/browser.py.

import { TabError } from './errors.js';
import { concatenate, get } from './http.js';
import { sha256 } from './model-files.js';
import { PixelMaker } from './pixels.js';

/** @typedef {import('./embeddings.js').Embeddings} Embeddings */
/** @typedef {{bytes: Uint8Array<ArrayBuffer>}} Blob_ */
/** @typedef {{rows: number, data: Uint8Array<ArrayBuffer>}} Pixels */

const BATCH = 32;
const EMPTY = new Uint8Array(0);

export class Reader {
  #preprocessing;
  /** @type {PixelMaker | null} */
  #maker = null;

  /** @param {import('./geometry.js').Preprocessing} preprocessing */
  constructor(preprocessing) {
    this.#preprocessing = preprocessing;
  }

  /** @returns {string} */
  get rung() {
    return 'python';
  }

  /** @returns {string} */
  get deviceClass() {
    return 'Python in a tab';
  }

  /** @returns {number} */
  get batchSize() {
    return BATCH;
  }

  /**
   * @param {string} url
   * @param {number} start -1: the whole file
   * @param {number} size
   * @returns {Promise<Blob_>}
   */
  async fetch(url, start, size) {
    return { bytes: await get(url, start < 0 ? null : { start, size }) };
  }

  /**
   * @param {Blob_} blob
   * @param {Float64Array} spans
   */
  async read(blob, spans) {
    return concatenate(slices(blob, spans).filter((part) => part !== null));
  }

  /**
   * @param {Blob_[]} blobs
   * @returns {Promise<Blob_>} their bytes, one after another
   */
  async join(blobs) {
    return { bytes: concatenate(blobs.map(({ bytes }) => bytes)) };
  }

  /**
   * @param {Blob_} blob
   * @param {Float64Array} spans
   * @returns {Promise<{pixels: Pixels, statuses: Uint8Array}>}
   */
  async pixels(blob, spans) {
    const files = slices(blob, spans).map((part) => part && new Uint8Array(part));
    const { pixels, statuses } = await this.expectPictures().make(files);
    return { pixels: { rows: files.length, data: pixels }, statuses };
  }

  /** Starts the Worker that decodes; agents that read nothing but captions never need it. */
  expectPictures() {
    this.#maker ??= new PixelMaker(this.#preprocessing);
    return this.#maker;
  }

  /** @param {Pixels} pixels */
  async checksums(pixels) {
    const length = pixels.data.length / pixels.rows;
    const row = (/** @type {number} */ i) => pixels.data.slice(i * length, (i + 1) * length);
    return Promise.all(Array.from({ length: pixels.rows }, (_, i) => sha256(row(i))));
  }

  /**
   * @param {Pixels} _pixels
   * @returns {Promise<Embeddings>}
   */
  async encodeImages(_pixels) {
    throw noModel();
  }

  /**
   * @param {Int32Array<ArrayBuffer>} _ids
   * @param {number} _n
   * @param {number} _t
   * @returns {Promise<Embeddings>}
   */
  async encodeTexts(_ids, _n, _t) {
    throw noModel();
  }

  /**
   * @param {Embeddings} _images
   * @param {Embeddings[]} _texts
   * @param {Int32Array} _rows
   * @returns {Promise<Float64Array | Float32Array>}
   */
  async similarity(_images, _texts, _rows) {
    throw noModel();
  }

  /**
   * @param {Embeddings} _embeddings
   * @returns {Promise<Uint8Array>}
   */
  async download(_embeddings) {
    throw noModel();
  }

  /** @param {Blob_ | Pixels | Embeddings} handle */
  release(handle) {
    if ('bytes' in handle) handle.bytes = EMPTY;
    else if (handle.data instanceof Uint8Array) handle.data = EMPTY;
    else handle.data = new Float32Array(0);
  }

  async close() {
    this.#maker?.close();
    this.#maker = null;
  }
}

function noModel() {
  return new TabError('engine_failed', "This agent computes with the model, and doesn't say that it needs it.", {
    nextStep: 'Add "model" to what the agent needs; see docs/agents.md.',
  });
}

/**
 * @param {Blob_} blob
 * @param {Float64Array} spans [start0, size0, ...]; start -1: none
 * @returns {(Uint8Array<ArrayBuffer> | null)[]} views, one for each span
 */
function slices(blob, spans) {
  return Array.from({ length: spans.length / 2 }, (_, i) => {
    const start = spans[2 * i];
    return start < 0 ? null : blob.bytes.subarray(start, start + spans[2 * i + 1]);
  });
}
