// The browser engine: the arithmetic of one bundle on one rung. Its Python half and the list of
// methods: webapp/dva_agent/browser.py. Handles given to Python are the objects below; embeddings are
// a few KB a batch and stay in main memory, where they are checked and compared.

import { checkNorms, similarity } from './embeddings.js';
import { TabError, isOutOfMemory, messageOf } from './errors.js';
import { Gate } from './gate.js';
import { openGpu } from './gpu.js';
import { loadFiles } from './model-files.js';
import { Reader } from './reader.js';
import { DEMANDS, filesOf } from './rungs.js';
import { loadOrt, openSession, sessionOptions, threadsFor } from './sessions.js';

/** @typedef {import('./embeddings.js').Embeddings} Embeddings */
/** @typedef {import('./sessions.js').Ort} Ort */
/** @typedef {import('./sessions.js').Session} Session */
/** @typedef {import('./rungs.js').TabRung} TabRung */
/** @typedef {import('./reader.js').Blob_} Blob_ */
/** @typedef {import('./reader.js').Pixels} Pixels */

/**
 * What the engine reads of a bundle's manifest; Python has checked all of it.
 * @typedef {object} Manifest
 * @property {import('./geometry.js').Preprocessing} preprocessing
 * @property {number} embedding_dim
 * @property {{[rung: string]: {image: import('./rungs.js').Tower, text: import('./rungs.js').Tower}}} rungs
 * @property {import('./model-files.js').FileEntry[]} files
 */

/** Start and end of text, as a caption that warms the text tower up. */
const WARM_UP_IDS = 2;

/**
 * @typedef {object} Parts
 * @property {TabRung} rung
 * @property {Ort} ort
 * @property {Session} imageTower
 * @property {Session} textTower
 * @property {import('./gpu.js').Gpu | null} gpu
 * @property {Manifest} manifest
 */

export class BrowserEngine extends Reader {
  #parts;
  #closed = false;

  /** @param {Parts} parts */
  constructor(parts) {
    super(parts.manifest.preprocessing);
    this.#parts = parts;
    this.expectPictures();
  }

  /** @override */
  get rung() {
    return this.#parts.rung;
  }

  /** @override */
  get deviceClass() {
    const { gpu, rung } = this.#parts;
    return gpu?.label ?? `processor, ${threadsFor(rung)} threads`;
  }

  /** @override */
  get batchSize() {
    return DEMANDS[this.#parts.rung].batch;
  }

  /**
   * @override
   * @param {Pixels} pixels
   */
  async encodeImages(pixels) {
    const { ort, imageTower, manifest } = this.#parts;
    const { size } = manifest.preprocessing;
    const input = new ort.Tensor('uint8', pixels.data, [pixels.rows, 3, size, size]);
    return this.#encode(imageTower, input, pixels.rows, 'image embeddings');
  }

  /**
   * @override
   * @param {Int32Array<ArrayBuffer>} ids
   * @param {number} n
   * @param {number} t
   */
  async encodeTexts(ids, n, t) {
    const { ort, textTower } = this.#parts;
    return this.#encode(textTower, new ort.Tensor('int32', ids, [n, t]), n, 'text embeddings');
  }

  /**
   * @override
   * @param {Embeddings} images
   * @param {Embeddings[]} texts
   * @param {Int32Array} rows
   */
  async similarity(images, texts, rows) {
    return similarity(images, texts, rows);
  }

  /**
   * @override
   * @param {Embeddings} embeddings
   */
  async download({ data }) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }

  /** @override */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    await super.close();
    const { imageTower, textTower, gpu } = this.#parts;
    // After a device loss, releasing may fail; there is nothing left to lose then.
    await Promise.allSettled([imageTower.release(), textTower.release()]);
    gpu?.device.destroy();
  }

  async warmUp() {
    const { size } = this.#parts.manifest.preprocessing;
    await this.encodeImages({ rows: 1, data: new Uint8Array(3 * size * size) });
    await this.encodeTexts(new Int32Array(WARM_UP_IDS), 1, WARM_UP_IDS);
  }

  /**
   * @param {Session} tower one input, one output
   * @param {import('onnxruntime-web').Tensor} input
   * @param {number} rows
   * @param {string} what
   * @returns {Promise<Embeddings>}
   */
  async #encode(tower, input, rows, what) {
    const { gpu, manifest } = this.#parts;
    let output;
    try {
      output = (await tower.run({ [tower.inputNames[0]]: input }))[tower.outputNames[0]];
    } catch (error) {
      throw this.#lost() ?? new TabError('engine_failed', `${what}: ${messageOf(error)}`, { cause: error });
    } finally {
      input.dispose();
    }
    if (gpu?.lost()) throw this.#lost();
    const data = /** @type {Float32Array<ArrayBuffer>} */ (output.data);
    const embeddings = { rows, dim: manifest.embedding_dim, data };
    checkNorms(embeddings, what);
    return embeddings;
  }

  #lost() {
    const reason = this.#parts.gpu?.lost();
    if (!reason) return null;
    return new TabError('device_lost', `The graphics card went away: ${reason}`, {
      nextStep: 'The agent opens it again by itself.',
    });
  }
}

/**
 * @param {TabRung} rung
 * @param {Manifest} manifest
 * @param {string} bundleUrl absolute, ends with a slash
 * @param {(progress: import('./model-files.js').Progress) => void} report download progress
 * @param {{allowSoftware?: boolean, unkept?: import('./storage.js').Unkept, gate?: Gate}} [options] `unkept` is
 *   told if model files can't be kept for the next visit; `gate` is passed between the steps
 * @returns {Promise<BrowserEngine>} warmed up
 */
export async function openEngine(rung, manifest, bundleUrl, report, options = {}) {
  const { allowSoftware = true, unkept = () => {}, gate = new Gate() } = options;
  if (!(rung in manifest.rungs)) {
    throw new TabError('rung_unavailable', `This model was not made for ${rung}.`);
  }
  // The device first: without one there is nothing to download for.
  const { gpu: onGpu, half } = DEMANDS[rung];
  const gpu = onGpu ? await openGpu({ allowSoftware, half }) : null;
  try {
    const { image, text } = manifest.rungs[rung];
    const entries = filesOf(manifest, rung);
    const files = loadFiles(entries, bundleUrl, report, { unkept, spare: manifest.files, gate });
    const [ort, contents] = await both(loadOrt(rung), files);
    await gate.passed();
    const session = sessionOptions(ort, gpu?.device ?? null);
    const imageTower = await openSession(ort, session, image, contents);
    const textTower = await openSession(ort, session, text, contents);
    const engine = new BrowserEngine({ rung, ort, imageTower, textTower, gpu, manifest });
    try {
      await gate.passed();
      await engine.warmUp();
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  } catch (error) {
    gpu?.device.destroy();
    if (!isOutOfMemory(error)) throw error;
    throw new TabError('rung_unavailable', `The model does not fit in memory: ${messageOf(error)}`, {
      reason: 'out_of_memory',
      nextStep: 'Close other tabs and programs, then start again.',
      cause: error,
    });
  }
}

/**
 * @template A, B
 * @param {Promise<A>} one
 * @param {Promise<B>} other
 * @returns {Promise<[A, B]>} rejects when neither is under way: a download that nobody waits for would hold
 *   its file against the next try
 */
async function both(one, other) {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}
