// Whether the agent may run here at all, and now: what the browser lacks, whether the model fits,
// whether the person has agreed. Brings the controller what it decides by.

import { consent, hasConsent, withdraw } from './consent.js';
import { fit, memoryOf } from './fits.js';
import { modelBytes } from './model.js';
import { traffic } from './records.js';
import { isAlive } from './state.js';
import { TEXT } from './text.js';
import { hasTurns } from './turn.js';

/** @typedef {import('./conditions.js').Conditions} Conditions */
/** @typedef {import('./consent-dialog.js').ConsentElement} ConsentElement */
/** @typedef {import('./consent-dialog.js').Subject} Subject */
/** @typedef {import('./controller.js').Controller} Controller */
/** @typedef {import('./state.js').Notice} Notice */

const LOOK_EVERY_MS = 1000;
const BYTES_PER_MB = 1e6;

export class Admission {
  /** @type {Subject} */
  #subject = { pool: null, manifest: null, mirror: '', pictures: '' };
  #hasTurns = true;
  #controller;
  #conditions;
  #dialog;

  /** @param {{controller: Controller, conditions: Conditions, dialog: ConsentElement}} parts */
  constructor({ controller, conditions, dialog }) {
    this.#controller = controller;
    this.#conditions = conditions;
    this.#dialog = dialog;
    conditions.addEventListener('change', () => this.#tell());
    // Clocks go on, and data is used up, without an event.
    setInterval(() => this.#tell(), LOOK_EVERY_MS);
  }

  /** Finds out what has to be tried. */
  async probe() {
    this.#hasTurns = await hasTurns();
  }

  /** @param {Subject} subject what would run */
  set subject(subject) {
    this.#subject = subject;
    this.#tell();
  }

  get hasConsent() {
    return hasConsent(this.#subject.manifest, hostsOf(this.#subject));
  }

  /** @returns {Notice[]} why nothing can run here, whatever one does on this page */
  get lacks() {
    const notice = (/** @type {string} */ code, message = '', nextStep = '') => ({
      code, message, nextStep, where: '', retryAt: null,
    });
    if (!window.isSecureContext) return [notice('insecure')];
    if (!('locks' in navigator) || !('WebAssembly' in window)) return [notice('no_worker')];
    if (!this.#hasTurns) return [notice('data_blocked')];
    const { pool, manifest } = this.#subject;
    if (pool !== null && !pool.licence_accepted) return [notice('licence_unaccepted')];
    if (manifest === null || !pool?.needs.includes('model')) return [];
    const { fits, neededMB, budgetMB } = fit(modelBytes(manifest), memoryOf(navigator));
    if (fits) return [];
    const why = TEXT.tooSmall(neededMB * BYTES_PER_MB, budgetMB * BYTES_PER_MB);
    return [notice('too_small', why, TEXT.tooSmallNext)];
  }

  /** @returns {Promise<boolean>} whether the person has agreed, asked if need be */
  async mayStart() {
    const subject = this.#subject;
    if (this.hasConsent) return true;
    const agreed = await this.#dialog.ask(subject, { again: hasConsent(null) });
    if (agreed) consent(subject.manifest, hostsOf(subject));
    this.#tell();
    return agreed;
  }

  async read() {
    await this.#dialog.read(this.#subject);
  }

  /** Nothing runs any more, and the next start asks again. */
  withdraw() {
    withdraw();
    if (isAlive(this.#controller.state.phase)) this.#controller.stop();
    this.#tell();
  }

  #tell() {
    const { onBattery, inUse } = this.#conditions;
    const bytesToday = traffic(new Date()).today;
    this.#controller.conditions = { consented: this.hasConsent, bytesToday, onBattery, inUse };
  }
}

/**
 * @param {Subject} subject
 * @returns {string} who else is told of somebody who runs it
 */
function hostsOf({ mirror, pictures }) {
  return [mirror, pictures].filter((hosts) => hosts !== '').join(' ');
}
