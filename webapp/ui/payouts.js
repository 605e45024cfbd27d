// Where this account's credit is to be paid to outside, and what proves it: the server keeps the
// address and the proofs, and pays nobody.

import { payoutStatement } from '../identity/statements.js';
import { Refusal } from './refusal.js';

/** @typedef {import('./account.js').Account} Account */
/** @typedef {import('./server-types.js').Credit} Credit */
/** @typedef {import('./server-types.js').CreditProof} CreditProof */
/** @typedef {import('./session.js').Session} Session */

/** As the server takes one: nothing that a line of CSV would have to quote. */
const ADDRESS = /^[0-9A-Za-z_:.-]{8,128}$/;
/** There is no such epoch, or nothing of this account's in it. */
const NONE = 'proof_unknown';

/**
 * @param {string} text as somebody typed it
 * @returns {string | null} null: it is no address
 */
export function addressOf(text) {
  const trimmed = text.trim();
  return ADDRESS.test(trimmed) ? trimmed : null;
}

export class Payouts {
  #account;
  #session;

  /**
   * @param {Account} account
   * @param {Session} session
   */
  constructor(account, session) {
    this.#account = account;
    this.#session = session;
  }

  /** Whether the server knows this browser, as far as that is known here. */
  get isKnown() {
    return this.#account.isKnown;
  }

  /** @returns {string | null} the account's phrase, as long as this browser keeps it */
  get phrase() {
    return this.#account.identity?.phrase ?? null;
  }

  /** @returns {Promise<string | null>} null: to nowhere. Rejects with Refusal, as the others do. */
  async address() {
    const { payout } = /** @type {Credit} */ (await this.#session.ask('GET', '/me/credit'));
    return payout ?? null;
  }

  /**
   * @param {string | null} address null: to nowhere
   * @param {string} phrase of the account
   */
  async attach(address, phrase) {
    const consent = await this.#account.consent(phrase, (...asked) => payoutStatement(...asked, address ?? ''));
    await this.#session.ask('POST', '/me/payout', { address, ...consent });
  }

  /**
   * @param {number | null} epoch null: the latest
   * @returns {Promise<CreditProof | null>} null: nothing of this account's is in it
   */
  async proof(epoch) {
    try {
      const path = epoch === null ? '/me/proof' : `/me/proof?epoch=${epoch}`;
      return /** @type {CreditProof} */ (await this.#session.ask('GET', path));
    } catch (error) {
      if (error instanceof Refusal && error.code === NONE) return null;
      throw error;
    }
  }
}
