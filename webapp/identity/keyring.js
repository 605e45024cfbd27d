// The identity of this browser, the same in all its tabs. Where nothing can be kept, it lives for the visit.

import { newIdentity, readIdentity } from './identity.js';
import { clearVault, readVault, writeVault } from './vault.js';

/** @typedef {import('./identity.js').Identity} Identity */

const LOCK = 'dva.identity';

/** Tells "change" when the identity is another, or whether it is kept. */
export class Keyring extends EventTarget {
  /** @type {Identity | null} */
  #identity = null;
  #isKept = true;
  /** Whether the browser failed to say if it keeps one: nothing is written over that one unasked. */
  #isUnread = false;

  /** @returns {Identity | null} null: there is none before the first start */
  get identity() {
    return this.#identity;
  }

  /** Whether this browser keeps it between visits. */
  get isKept() {
    return this.#isKept;
  }

  /** @returns {Promise<Identity | null>} the one that is kept: another tab may have changed it */
  load() {
    return locked(() => this.#load());
  }

  /** @returns {Promise<Identity>} the one that is kept, or a new one */
  make() {
    // Two tabs that start at once become one device.
    return locked(async () => (await this.#load()) ?? this.#hold(await newIdentity()));
  }

  /**
   * This browser joins an account, and leaves the one that it was of.
   * @param {Identity} identity
   */
  async adopt(identity) {
    await locked(() => {
      this.#isUnread = false;
      return this.#keep(identity);
    });
  }

  /** The person has it written down. */
  async dropPhrase() {
    await locked(async () => {
      const identity = await this.#load();
      if (identity !== null) await this.#hold({ ...identity, phrase: null });
    });
  }

  /** This browser is nobody again. */
  async forget() {
    await locked(async () => {
      // Where it can't be deleted, it isn't to come back in this visit.
      this.#isUnread = false;
      this.#become(null, this.#isKept);
      try {
        await clearVault();
        this.#become(null, true);
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  /** @returns {Promise<Identity | null>} */
  async #load() {
    // One read that failed says little of the next; but who this browser has become stays so.
    const mayRead = this.#isKept || (this.#isUnread && this.#identity === null);
    if (!mayRead) return this.#identity;
    try {
      this.#become(readIdentity(await readVault()), true);
      this.#isUnread = false;
    } catch (error) {
      this.#isUnread = this.#identity === null;
      this.#refused(error);
    }
    return this.#identity;
  }

  /**
   * @param {Identity} identity kept, unless an unread one would be lost by that
   * @returns {Promise<Identity>}
   */
  async #hold(identity) {
    if (!this.#isUnread) return this.#keep(identity);
    this.#become(identity, false);
    return identity;
  }

  /**
   * @param {Identity} identity
   * @returns {Promise<Identity>}
   */
  async #keep(identity) {
    this.#become(identity, this.#isKept);
    try {
      await writeVault(identity);
      if (!this.#isKept) this.#become(identity, true);
    } catch (error) {
      this.#refused(error);
    }
    return identity;
  }

  /** @param {unknown} error */
  #refused(error) {
    console.warn('This browser keeps no keys between visits:', error);
    this.#become(this.#identity, false);
  }

  /**
   * @param {Identity | null} identity
   * @param {boolean} isKept
   */
  #become(identity, isKept) {
    this.#identity = identity;
    this.#isKept = isKept;
    this.dispatchEvent(new Event('change'));
  }
}

/**
 * One tab at a time.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function locked(act) {
  // Without locks the page says that it can't start (ui/admission.js); its panels work all the same.
  if (navigator.locks === undefined) return act();
  let granted = false;
  try {
    return await navigator.locks.request(LOCK, () => {
      granted = true;
      return act();
    });
  } catch (error) {
    if (granted) throw error;
    // Where site data is blocked, locks are there and refuse.
    return act();
  }
}
