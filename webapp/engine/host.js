// What the agent may ask of the tab: engines, small requests, and somebody to tell. The list of
// methods: webapp/dva_agent/browser.py.

import { openEngine } from './engine.js';
import { TabError, messageOf } from './errors.js';
import { Reader } from './reader.js';
import { isTabRung } from './rungs.js';
import { Showcase } from './showcase.js';

/** @typedef {import('./wire.js').FromWorker} FromWorker */

/** Progress of a download is told so often. */
const REPORT_EVERY_MS = 100;
const ANSWER_WITHIN_MS = 60_000;

export class Host {
  #tell;
  #showcase = new Showcase();
  #allowSoftware;
  #gate;

  /**
   * @param {(message: FromWorker, transfer?: Transferable[]) => void} tell
   * @param {{allowSoftware: boolean, gate: import('./gate.js').Gate, identity: import('./signer.js').Signer}} options
   *   `gate`: closed while nothing is to be opened
   */
  constructor(tell, { allowSoftware, gate, identity }) {
    this.#tell = tell;
    this.identity = identity;
    this.#allowSoftware = allowSoftware;
    this.#gate = gate;
  }

  /**
   * @param {string} rung
   * @param {string} manifestJson
   * @param {string} bundleUrl
   */
  async openEngine(rung, manifestJson, bundleUrl) {
    if (rung === 'python') return new Reader(JSON.parse(manifestJson).preprocessing);
    if (!isTabRung(rung)) throw new TabError('rung_unavailable', `The tab has no rung ${rung}.`);
    let told = -Infinity;
    const report = (/** @type {import('./model-files.js').Progress} */ progress) => {
      const now = performance.now();
      if (now - told < REPORT_EVERY_MS && progress.bytes < progress.total) return;
      told = now;
      this.#tell({ kind: 'download', progress });
    };
    const unkept = (/** @type {string} */ code, /** @type {string} */ message) => {
      this.#tell({ kind: 'event', event: { kind: 'problem', code, message, nextStep: '', where: '' } });
    };
    const options = { allowSoftware: this.#allowSoftware, unkept, gate: this.#gate };
    return openEngine(rung, JSON.parse(manifestJson), bundleUrl, report, options);
  }

  /**
   * @param {string} method
   * @param {string} url
   * @param {string} headersJson
   * @param {string} body
   */
  async request(method, url, headersJson, body) {
    try {
      const response = await fetch(url, {
        method,
        headers: JSON.parse(headersJson),
        body: body === '' ? null : body,
        cache: 'no-store',
        credentials: 'omit',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const text = await response.text();
      const headers = JSON.stringify(Object.fromEntries(response.headers));
      return { status: response.status, headers, body: text };
    } catch (error) {
      throw new TabError('unreachable', `The server does not answer (${messageOf(error)}).`, {
        nextStep: 'Check the connection and that the server runs.',
        cause: error,
      });
    }
  }

  /** @param {string} json */
  emit(json) {
    this.#tell({ kind: 'event', event: JSON.parse(json) });
  }

  /**
   * @param {string} json
   * @param {import('./engine.js').Blob_} blob
   */
  seen(json, blob) {
    const { message, transfer } = this.#showcase.choose(JSON.parse(json), blob.bytes);
    this.#tell(message, transfer);
  }

  /** @param {string} json */
  saveDevice(json) {
    this.#tell({ kind: 'device', device: JSON.parse(json) });
  }
}
