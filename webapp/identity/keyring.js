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
    return locked(async () => (await this.#load()) ?? this.#keep(await newIdentity()));
  }

  /**
   * This browser joins an account, and leaves the one that it was of.
   * @param {Identity} identity
   */
  async adopt(identity) {
    await locked(() => this.#keep(identity));
  }

  /** The person has it written down. */
  async dropPhrase() {
    await locked(async () => {
      const identity = await this.#load();
      if (identity !== null) await this.#keep({ ...identity, phrase: null });
    });
  }

  /** This browser is nobody again. */
  async forget() {
    await locked(async () => {
      this.#become(null, this.#isKept);
      try {
        await clearVault();
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  /** @returns {Promise<Identity | null>} */
  async #load() {
    if (!this.#isKept) return this.#identity;
    try {
      this.#become(readIdentity(await readVault()), true);
    } catch (error) {
      this.#refused(error);
    }
    return this.#identity;
  }

  /**
   * @param {Identity} identity
   * @returns {Promise<Identity>}
   */
  async #keep(identity) {
    this.#become(identity, this.#isKept);
    try {
      await writeVault(identity);
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
  return navigator.locks === undefined ? act() : navigator.locks.request(LOCK, act);
}
