// Between the page and the agent's Worker: starts and ends it, holds the turn, keeps the state. Tells
// by events: "change" when the state is another, "seen" for each batch scored.

import { AT_REST, reduce, withNotice } from './state.js';
import { addToTotals, allowReload, mayReload, saveDevice, savedDevice } from './records.js';
import { awaitTurn, stealTurn, takeTurn } from './turn.js';
import { TEXT } from './text.js';

/** @typedef {import('../engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('../engine/wire.js').ToWorker} ToWorker */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').Phase} Phase */
/** @typedef {import('./turn.js').Turn} Turn */

const LADDER = Object.freeze(['webgpu-f32', 'wasm']);
const API = '/api/v1';
/** A Worker that was told to stop and doesn't is ended. */
const STOP_WITHIN_MS = 15_000;

export class Controller extends EventTarget {
  /** @type {State} */
  #state = AT_REST;
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Turn | null} */
  #turn = null;
  /** @type {AbortController | null} */
  #queue = null;
  /** Whether the server has taken a unit since the page was loaded. */
  #hasFinished = false;
  #options;

  /** @param {{rung: string | null, pool: string | null, untilDrained: boolean}} options of the address */
  constructor(options) {
    super();
    this.#options = options;
    window.addEventListener('pagehide', () => this.#leave());
    window.addEventListener('pageshow', ({ persisted }) => {
      // Back from the back-forward cache: the Worker's leases are gone, so begin anew.
      if (persisted) location.reload();
    });
  }

  get state() {
    return this.#state;
  }

  /** Whether this tab waits for another one to end. */
  get isQueued() {
    return this.#queue !== null;
  }

  /** @returns {Promise<boolean>} false if another tab is at work */
  async start() {
    if (this.#turn !== null) return true;
    const turn = await takeTurn();
    if (turn === null) return false;
    this.#begin(turn);
    return true;
  }

  async takeOver() {
    this.cancelQueue();
    this.#begin(await stealTurn());
  }

  async queue() {
    this.#queue = new AbortController();
    this.#changed();
    try {
      const turn = await awaitTurn(this.#queue.signal);
      this.#queue = null;
      this.#begin(turn);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
    }
  }

  cancelQueue() {
    this.#queue?.abort();
    this.#queue = null;
    this.#changed();
  }

  pause() {
    this.#send({ kind: 'pause' });
    this.#become({ ...this.#state, phase: 'pausing' });
  }

  resume() {
    this.#send({ kind: 'resume' });
  }

  stop() {
    this.#send({ kind: 'stop', finish: false });
    this.#become({ ...this.#state, phase: 'stopping' });
    this.#endWorkerSoon();
  }

  /** @param {Turn} turn */
  #begin(turn) {
    // Another tab took over, and the old Worker is still giving its work back.
    this.#leave();
    this.#worker?.terminate();
    this.#turn = turn;
    turn.taken.then(() => this.#giveWay(turn));
    this.#become({ ...AT_REST, phase: 'booting' });
    const worker = new Worker(new URL('../engine/worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => this.#hear(worker, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(worker, TEXT.workerDied, event.message);
    };
    this.#worker = worker;
    const { rung, pool, untilDrained } = this.#options;
    this.#send({
      kind: 'start',
      config: {
        server: location.origin,
        pool,
        rungs: rung === null ? [...LADDER] : [rung],
        device: savedDevice(),
        platform: 'browser',
        untilDrained,
      },
    });
  }

  /**
   * @param {Worker} worker
   * @param {FromWorker} message
   */
  #hear(worker, message) {
    if (worker !== this.#worker) return;
    if (message.kind === 'seen') {
      this.dispatchEvent(new CustomEvent('seen', { detail: message }));
      return;
    }
    if (message.kind === 'device') saveDevice(message.device);
    if (message.kind === 'event') this.#note(message.event);
    this.#become(reduce(this.#state, message));
    if (message.kind === 'ended' || message.kind === 'failed') this.#endWorker();
  }

  /** @param {import('../engine/wire.js').AgentEvent} event */
  #note(event) {
    if (event.kind === 'unit_finished') {
      addToTotals(event.pairs, new Date());
      if (!this.#hasFinished) allowReload();
      this.#hasFinished = true;
    }
    // A newer server: the newer page is one reload away.
    if (event.kind === 'fatal' && event.code === 'protocol_outdated' && mayReload()) location.reload();
  }

  /**
   * Another tab has stolen the turn.
   * @param {Turn} turn
   */
  #giveWay(turn) {
    if (turn !== this.#turn) return;
    this.#turn = null;
    this.#send({ kind: 'stop', finish: false });
    this.#become({ ...this.#state, phase: 'taken' });
    this.#endWorkerSoon();
  }

  #endWorkerSoon() {
    const worker = this.#worker;
    setTimeout(() => {
      if (worker !== null && worker === this.#worker) this.#end(worker, '', '');
    }, STOP_WITHIN_MS);
  }

  /**
   * @param {Worker} worker that ended by itself, or had to be
   * @param {string} problem in a sentence, empty if it was asked to stop
   * @param {string} detail
   */
  #end(worker, problem, detail) {
    if (worker !== this.#worker) return;
    this.#leave();
    this.#endWorker();
    const { phase } = this.#state;
    const state = { ...this.#state, held: [] };
    if (problem === '') {
      this.#become({ ...state, phase: phase === 'taken' ? 'taken' : 'stopped' });
      return;
    }
    const message = [problem, detail].filter(Boolean).join(' ');
    const notice = { code: 'worker', message, nextStep: TEXT.workerDiedNext, retryInS: null };
    this.#become(withNotice({ ...state, phase: 'failed' }, notice));
  }

  #endWorker() {
    this.#worker?.terminate();
    this.#worker = null;
    this.#turn?.end();
    this.#turn = null;
    this.#changed();
  }

  /** Gives back what is held, in requests that outlive the page. */
  #leave() {
    const token = savedDevice()?.token;
    if (token === undefined || this.#worker === null) return;
    for (const lease of this.#state.held) {
      const headers = { authorization: `Bearer ${token}` };
      fetch(`${API}/leases/${lease}/abandon`, { method: 'POST', headers, keepalive: true }).catch(() => {
        // The page is going away. The lease ends by its deadline then.
      });
    }
  }

  /** @param {ToWorker} message */
  #send(message) {
    this.#worker?.postMessage(message);
  }

  /** @param {State} state */
  #become(state) {
    this.#state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
