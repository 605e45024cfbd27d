// Between the page and the agent's Worker: holds the turn, starts and ends the Worker, lets it rest
// when it must, keeps the state. Tells by events: "change" when the state is another, "seen" for each
// batch scored.

import { LADDER } from '../engine/rungs.js';
import { AgentWorker } from './agent.js';
import { browserOf } from './browser.js';
import { giveBack } from './leases.js';
import { AT_REST, calmed, isAlive, reduce, wishing, withNotice } from './state.js';
import { addToTotals, addToTraffic, allowReload, mayReload, rememberRunning } from './records.js';
import { UNKNOWN, decide, isSame } from './rest.js';
import { SHARES } from './settings.js';
import { awaitTurn, hasTurns, stealTurn, takeTurn } from './turn.js';

/** @typedef {import('../engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('./state.js').State} State */
/** @typedef {import('./state.js').Wish} Wish */
/** @typedef {import('./rest.js').Conditions} Conditions */
/** @typedef {import('./rest.js').Decision} Decision */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./turn.js').Turn} Turn */

/** A Worker that was told to stop and doesn't is ended. */
const STOP_WITHIN_MS = 15_000;

/**
 * @typedef {object} Options of the address
 * @property {readonly string[] | null} rungs to keep to, best first; null: the whole ladder
 * @property {string | null} pool
 * @property {boolean} untilDrained
 */

export class Controller extends EventTarget {
  /** @type {State} */
  #state = AT_REST;
  /** @type {AgentWorker | null} */
  #worker = null;
  /** @type {Turn | null} */
  #turn = null;
  /** @type {AbortController | null} */
  #queue = null;
  /** Whether the server has taken a unit since the page was loaded. */
  #hasFinished = false;
  /** Whether the server is newer than this page. */
  #outdated = false;
  /** Whether the run ends only for the newer page to go on with it. */
  #renewing = false;
  #options;
  #settings;
  #session;
  /** @type {Conditions} */
  #conditions = UNKNOWN;

  /**
   * @param {Options} options
   * @param {Settings} settings
   * @param {Session} session
   */
  constructor(options, settings, session) {
    super();
    this.#options = options;
    this.#settings = settings;
    this.#session = session;
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

  get isRenewing() {
    return this.#renewing;
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

  /** @param {AbortSignal} [limit] ends the wait */
  async queue(limit) {
    this.#queue = new AbortController();
    this.#changed();
    const signal = limit === undefined ? this.#queue.signal : AbortSignal.any([this.#queue.signal, limit]);
    try {
      const turn = await awaitTurn(signal);
      this.#queue = null;
      this.#begin(turn);
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#queue = null;
      this.#changed();
    }
  }

  cancelQueue() {
    this.#queue?.abort();
    this.#queue = null;
    this.#changed();
  }

  pause() {
    rememberRunning(false);
    this.#wish('pause');
  }

  resume() {
    rememberRunning(true);
    this.#wish('run');
  }

  /** Completes and submits what is in flight, then stops. */
  finish() {
    this.#renewing = false;
    rememberRunning(false);
    this.#wish('finish');
  }

  /** Gives what is in flight back, and stops. */
  stop() {
    this.#renewing = false;
    rememberRunning(false);
    this.#wish('stop');
  }

  /**
   * Stops whoever works in this browser, in this tab or in another, and lets nobody begin.
   * @returns {Promise<() => void>} to be called when they may again; resolves when nothing runs here
   */
  async halt() {
    if (this.isQueued) this.cancelQueue();
    if (isAlive(this.#state.phase)) await this.#stopAndWait();
    if (!(await hasTurns())) return () => {};
    const { end } = await stealTurn();
    return end;
  }

  async #stopAndWait() {
    const ended = new Promise((resolve) => {
      const look = () => {
        if (isAlive(this.#state.phase)) return;
        this.removeEventListener('change', look);
        resolve(null);
      };
      this.addEventListener('change', look);
    });
    this.stop();
    await ended;
  }

  /** @param {Settings} settings */
  set settings(settings) {
    const before = this.#settings;
    this.#settings = settings;
    if (settings.power !== before.power) this.#worker?.pace(SHARES[settings.power]);
    this.check();
  }

  /** @param {Conditions} conditions */
  set conditions(conditions) {
    this.#conditions = conditions;
    this.check();
  }

  /** Decides anew whether the agent may work: the clock has moved on, say. */
  check() {
    if (this.#turn === null) return;
    const decision = this.#decision();
    const known = this.#state.rest ?? { run: true };
    if (!isSame(decision, known)) this.#wish(this.#state.wish);
  }

  /** The server is newer than this page: loads the newer page as soon as nothing is under way. */
  renew() {
    if (this.#outdated || !mayReload()) return;
    this.#outdated = true;
    const { wish, phase } = this.#state;
    // Where the person has paused or ends the run, the newer page has nothing to go on with.
    if (!isAlive(phase) || wish !== 'run') return;
    if (this.#worker === null) return this.#reload();
    this.#renewing = true;
    // Finishing would be work, which has to wait while the agent rests.
    this.#wish(this.#state.rest === null ? 'finish' : 'stop');
  }

  #decision() {
    return decide(this.#settings, this.#conditions, new Date());
  }

  /** @param {Wish} wish */
  #wish(wish) {
    const decision = this.#decision();
    const rest = decision.run ? null : decision;
    this.#become(wishing(this.#state, wish, rest, { hasWorker: this.#worker !== null }));
    if (wish === 'finish' || wish === 'stop') {
      if (this.#worker === null) return this.#stopped(wish === 'finish' ? 'finished' : 'stopped');
      this.#worker.stop({ finish: wish === 'finish' });
      if (wish === 'stop') this.#endWorkerSoon();
      return;
    }
    if (wish === 'run' && rest === null) this.#go();
    else this.#worker?.halt();
  }

  #go() {
    // Back from a pause, and the page is an old one.
    if (this.#outdated) this.#reload();
    else if (this.#worker === null) this.#startWorker();
    else this.#worker.go();
  }

  /** @param {Turn} turn */
  #begin(turn) {
    // Another tab took over, and the old Worker is still giving its work back.
    this.#leave();
    this.#endWorker();
    this.#turn = turn;
    turn.taken.then(() => this.#giveWay(turn));
    rememberRunning(true);
    this.#become({ ...AT_REST, phase: 'booting' });
    this.#wish('run');
  }

  #startWorker() {
    const { rungs, pool, untilDrained } = this.#options;
    const config = {
      server: location.origin,
      pool,
      rungs: [...(rungs ?? LADDER)],
      // Asked for by name, a rung that is slow will do.
      allowSoftware: rungs !== null,
      platform: 'browser',
      browser: browserOf(navigator.userAgent),
      untilDrained,
      share: SHARES[this.#settings.power],
    };
    this.#worker = new AgentWorker(this.#session.begin(), config, {
      hear: (message) => this.#hear(message),
      died: (detail) => this.#died(detail),
    });
  }

  /** @param {FromWorker} message */
  #hear(message) {
    if (message.kind === 'seen') {
      this.dispatchEvent(new CustomEvent('seen', { detail: message }));
      return;
    }
    if (message.kind === 'transferred') {
      addToTraffic(message.bytes, new Date());
      return;
    }
    if (message.kind === 'device') this.#session.keep(message.device);
    if (message.kind === 'event') this.#note(message.event);
    this.#become(reduce(this.#state, message));
    if (message.kind === 'ended' || message.kind === 'failed') this.#ended();
  }

  /** @param {import('../engine/wire.js').AgentEvent} event */
  #note(event) {
    if (event.kind === 'unit_finished') {
      addToTotals(event.pairs, new Date());
      this.dispatchEvent(new Event('posted'));
      if (!this.#hasFinished) allowReload();
      this.#hasFinished = true;
    }
    // The newer page is one reload away. What was held has been given back.
    if (event.kind === 'fatal' && event.code === 'protocol_outdated' && this.#state.wish === 'run') {
      this.#renewing = mayReload();
    }
  }

  #ended() {
    this.#endWorker();
    if (this.#renewing && this.#state.phase !== 'taken') this.#reload();
    else rememberRunning(false);
    this.#endTurn();
  }

  #reload() {
    rememberRunning(true);
    location.reload();
  }

  /**
   * Another tab has stolen the turn.
   * @param {Turn} turn
   */
  #giveWay(turn) {
    if (turn !== this.#turn) return;
    this.#turn = null;
    rememberRunning(false);
    this.#worker?.stop({ finish: false });
    this.#become({ ...this.#state, phase: 'taken', rest: null });
    this.#endWorkerSoon();
  }

  #endWorkerSoon() {
    const worker = this.#worker;
    setTimeout(() => {
      if (worker === null || worker.isEnded) return;
      this.#leave();
      this.#stopped(this.#state.phase === 'taken' ? 'taken' : 'stopped');
    }, STOP_WITHIN_MS);
  }

  /** @param {string} detail */
  #died(detail) {
    this.#leave();
    const notice = { code: 'worker_died', message: detail, nextStep: '', where: '', retryAt: null };
    this.#become(withNotice(this.#state, notice));
    this.#stopped('failed');
  }

  /** @param {import('./state.js').Phase} phase that the run ends with */
  #stopped(phase) {
    this.#become({ ...calmed(this.#state), phase, held: [], rest: null });
    this.#ended();
  }

  #endWorker() {
    this.#worker?.end();
    this.#worker = null;
  }

  #endTurn() {
    this.#turn?.end();
    this.#turn = null;
    this.#changed();
  }

  /** Gives back what is held, in requests that outlive the page. */
  #leave() {
    const token = this.#session.working?.token;
    if (token === undefined || this.#worker === null) return;
    giveBack(this.#state.held, token);
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
