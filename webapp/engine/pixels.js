// The face of pixels-worker.js: asks it for batches, and counts nothing as done that it didn't say.

import { TabError } from './errors.js';

/** @typedef {import('./pixels-worker.js').PixelsRequest} PixelsRequest */
/** @typedef {import('./pixels-worker.js').PixelsAnswer} PixelsAnswer */

/**
 * @typedef {object} Waiting
 * @property {(made: {pixels: Uint8Array<ArrayBuffer>, statuses: Uint8Array}) => void} resolve
 * @property {(error: TabError) => void} reject
 */

export class PixelMaker {
  #worker = new Worker(new URL('./pixels-worker.js', import.meta.url), { type: 'module' });
  #spec;
  #next = 0;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();

  /** @param {import('./geometry.js').Preprocessing} spec */
  constructor(spec) {
    this.#spec = spec;
    this.#worker.onmessage = ({ data }) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(`The Worker that reads pictures stopped: ${event.message || 'it did not load'}.`);
    };
  }

  /**
   * @param {(Uint8Array<ArrayBuffer> | null)[]} files ours no longer: they go to the Worker
   * @returns {Promise<{pixels: Uint8Array<ArrayBuffer>, statuses: Uint8Array}>} uint8 [N, 3, S, S] and a
   *   PairStatus for each row
   */
  make(files) {
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#waiting.set(id, { resolve, reject });
    const transfer = files.flatMap((file) => (file === null ? [] : [file.buffer]));
    this.#worker.postMessage({ id, files, spec: this.#spec }, transfer);
    return promise;
  }

  close() {
    this.#worker.terminate();
    this.#fail('The engine was closed.');
  }

  /** @param {PixelsAnswer} answer */
  #settle(answer) {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('failure' in answer) waiting.reject(new TabError('engine_failed', answer.failure));
    else waiting.resolve(answer);
  }

  /** @param {string} reason */
  #fail(reason) {
    for (const { reject } of this.#waiting.values()) reject(new TabError('engine_failed', reason));
    this.#waiting.clear();
  }
}
