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
  #spec;
  /** Null after one that failed, until there is work for the next. @type {Worker | null} */
  #worker = null;
  #closed = false;
  #next = 0;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();

  /** @param {import('./geometry.js').Preprocessing} spec */
  constructor(spec) {
    this.#spec = spec;
    // So that it loads beside the model.
    this.#worker = this.#begin();
  }

  /**
   * @param {(Uint8Array<ArrayBuffer> | null)[]} files ours no longer: they go to the Worker
   * @returns {Promise<{pixels: Uint8Array<ArrayBuffer>, statuses: Uint8Array}>} uint8 [N, 3, S, S] and a
   *   PairStatus for each row
   */
  make(files) {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closed();
      const id = this.#next++;
      const transfer = files.flatMap((file) => (file === null ? [] : [file.buffer]));
      this.#worker ??= this.#begin();
      this.#worker.postMessage({ id, files, spec: this.#spec }, transfer);
      this.#waiting.set(id, { resolve, reject });
    });
  }

  close() {
    this.#closed = true;
    this.#end(closed());
  }

  #begin() {
    const worker = new Worker(new URL('./pixels-worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => this.#settle(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#end(stopped(event));
    };
    return worker;
  }

  /** @param {PixelsAnswer} answer */
  #settle(answer) {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if ('failure' in answer) waiting.reject(new TabError('engine_failed', answer.failure));
    else waiting.resolve(answer);
  }

  /** @param {TabError} error what the Worker's end means to whoever waits */
  #end(error) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function closed() {
  return new TabError('engine_failed', 'The engine was closed.');
}

/**
 * @param {ErrorEvent} event without a message if the Worker's files can't be had
 * @returns {TabError}
 */
function stopped({ message }) {
  if (message) return new TabError('engine_failed', `The Worker that reads pictures stopped: ${message}.`);
  return new TabError('unreachable', 'The Worker that reads pictures did not load.', {
    nextStep: 'Check the connection and that the server runs.',
  });
}
