// What the server says this browser's account has earned. Asked gently: a unit that was posted makes it
// worth asking again, but never at once for each.

import { Refusal } from './refusal.js';

/** @typedef {import('./server-types.js').Credit} Credit */
/** @typedef {import('./server-types.js').Work} Work */
/** @typedef {import('./server-types.js').WorkedUnit} WorkedUnit */
/** @typedef {import('./session.js').Session} Session */

const SOON_MS = 15_000;
const EVERY_MS = 60_000;

/**
 * Whether to ask now. Pure.
 * @param {object} known times in milliseconds of one clock
 * @param {number} known.at
 * @param {number | null} known.asked when it was asked last; null: never
 * @param {boolean} known.posted whether something was posted since
 * @param {boolean} known.waits whether anything is pending, or the last question failed
 */
export function isDue({ at, asked, posted, waits }) {
  if (asked === null) return true;
  return at - asked >= (posted ? SOON_MS : EVERY_MS) && (posted || waits);
}

/** Tells "change" when what is known is another. */
export class Earnings extends EventTarget {
  #session;
  /** @type {Credit | null} */
  #credit = null;
  /** @type {WorkedUnit[] | null} */
  #units = null;
  /** @type {number | null} `after` of the next page */
  #next = null;
  /** @type {Refusal | null} */
  #refusal = null;
  /** @type {string | null} of the device that was asked for */
  #device = null;
  /** @type {number | null} */
  #asked = null;
  #posted = false;
  #listed = false;
  #busy = false;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
  }

  /** @returns {Credit | null} null: the server wasn't asked yet, or doesn't know this browser */
  get credit() {
    return this.#credit;
  }

  /** @returns {readonly WorkedUnit[] | null} newest first; null: not known yet */
  get units() {
    return this.#units;
  }

  /** Whether there are older units than these. */
  get hasMore() {
    return this.#next !== null;
  }

  /** @returns {Refusal | null} why the last question came to nothing */
  get refusal() {
    return this.#refusal;
  }

  /** Whether the server knows this browser, as far as that is known here. */
  get isKnown() {
    return this.#session.device !== null;
  }

  /** @param {boolean} listed whether the list of units is looked at, too */
  set listed(listed) {
    this.#listed = listed;
    if (listed) this.look();
  }

  /** A unit was posted. */
  note() {
    this.#posted = true;
  }

  /** To be called every few seconds: asks if it is time. */
  async tick() {
    const device = this.#session.device?.device ?? null;
    if (device !== this.#device) this.#become(device);
    const waits = this.#refusal !== null || (this.#credit?.pending_units ?? 0) > 0;
    const due = isDue({ at: performance.now(), asked: this.#asked, posted: this.#posted, waits });
    if (device !== null && due) await this.look();
  }

  /** Asks now. */
  async look() {
    await this.#ask(async () => {
      this.#asked = performance.now();
      this.#posted = false;
      this.#credit = /** @type {Credit} */ (await this.#session.ask('GET', '/me/credit'));
      if (!this.#listed) return;
      const { units, next } = /** @type {Work} */ (await this.#session.ask('GET', '/me/units'));
      // Those further down were asked for one by one: they stay until the list is closed.
      const last = units.at(-1)?.result ?? 0;
      const older = (this.#units ?? []).filter((unit) => unit.result < last);
      this.#units = [...units, ...older];
      if (older.length === 0) this.#next = next ?? null;
    });
  }

  /** The next page of units. */
  async more() {
    await this.#ask(async () => {
      if (this.#next === null) return;
      const work = /** @type {Work} */ (await this.#session.ask('GET', `/me/units?after=${this.#next}`));
      this.#units = [...(this.#units ?? []), ...work.units];
      this.#next = work.next ?? null;
    });
  }

  /** @param {() => Promise<void>} question */
  async #ask(question) {
    if (this.#busy || !this.isKnown) return;
    this.#busy = true;
    try {
      await question();
      this.#refusal = null;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      console.warn(error);
      this.#refusal = error;
    } finally {
      this.#busy = false;
    }
    this.#changed();
  }

  /** @param {string | null} device this browser is another one now */
  #become(device) {
    this.#device = device;
    this.#credit = this.#units = this.#next = this.#refusal = this.#asked = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
