// What a contributor may do about who they are. Asks the server, and keeps what it answered.

import { toBase64 } from '../identity/encoding.js';
import { identityOf } from '../identity/identity.js';
import { deleteStatement, revokeStatement } from '../identity/statements.js';
import { Refusal } from './refusal.js';

/** @typedef {import('../identity/keyring.js').Keyring} Keyring */
/** @typedef {import('./server-types.js').Me} Me */
/** @typedef {import('./session.js').Session} Session */

/** A phrase of another account than this browser's. */
export const OTHER_PHRASE = 'other_phrase';
/** The server has no use for this browser's keys any more. */
const GONE = Object.freeze(['not_signed_in', 'device_revoked', 'account_deleted']);

/** Tells "change" when what is known is another. */
export class Account extends EventTarget {
  /** @type {Me | null} */
  #me = null;
  #keyring;
  #session;
  #halt;

  /**
   * @param {Keyring} keyring
   * @param {Session} session
   * @param {() => Promise<() => void>} halt ends the agent, which works as who this browser was so far, in
   *   whichever tab; none can begin until what it resolves to is called
   */
  constructor(keyring, session, halt) {
    super();
    this.#keyring = keyring;
    this.#session = session;
    this.#halt = halt;
    for (const source of [keyring, session]) source.addEventListener('change', () => this.#changed());
  }

  /** @returns {Me | null} as the server said last; null: it wasn't asked, or doesn't know this browser */
  get me() {
    return this.#me;
  }

  get identity() {
    return this.#keyring.identity;
  }

  /** Whether this browser keeps its keys between visits. */
  get isKept() {
    return this.#keyring.isKept;
  }

  /** Whether the server knows this browser, as far as that is known here. */
  get isKnown() {
    return this.#session.device !== null;
  }

  /** Asks the server anew. Rejects with Refusal, as the others do. */
  async look() {
    // Another tab may have changed it.
    await this.#keyring.load();
    if (!this.isKnown) return this.#become(null);
    try {
      this.#become(await this.#ask('GET', '/me'));
    } catch (error) {
      this.#become(null);
      if (error instanceof Refusal && GONE.includes(error.code)) this.#session.drop();
      throw error;
    }
  }

  /** @param {string | null} name null: anonymous */
  async rename(name) {
    this.#become(await this.#ask('POST', '/me', { display_name: name }));
  }

  /**
   * @param {string} device its id
   * @param {string} phrase of the account
   */
  async revoke(device, phrase) {
    const body = await this.consent(phrase, (...asked) => revokeStatement(...asked, device));
    await this.#session.ask('POST', `/me/devices/${device}/revoke`, body);
    await this.look();
  }

  /**
   * The account, everywhere. Its scores stay.
   * @param {string} phrase
   */
  async remove(phrase) {
    const { contributor } = this.#me ?? (await this.#ask('GET', '/me'));
    await this.#alone(async () => {
      const body = await this.consent(phrase, (...asked) => deleteStatement(...asked, contributor));
      await this.#session.ask('POST', '/me/delete', body);
      await this.#nobody();
    });
  }

  /**
   * This browser joins the account of a phrase, and the server hears of it.
   * @param {string} phrase
   */
  async recover(phrase) {
    await this.#alone(async () => {
      // Of this account already, it stays the device that it is.
      const { identity } = this;
      const next = identity !== null && (await this.#isMine(phrase)) ? identity : await identityOf(phrase);
      // The keys so far are gone for good once others are kept: the server has to take these first.
      await this.#session.join(next);
      await this.#keyring.adopt(next);
    });
    await this.look();
  }

  /** The keys of this browser go. */
  async forget() {
    await this.#alone(() => this.#nobody());
  }

  /** The person has the phrase written down. */
  async dropPhrase() {
    await this.#keyring.dropPhrase();
  }

  /**
   * The account's own word, for this server and for now.
   * @param {string} phrase
   * @param {(challenge: Uint8Array, origin: string) => Uint8Array<ArrayBuffer>} statement
   */
  async consent(phrase, statement) {
    if (!(await this.#isMine(phrase))) throw new Refusal(OTHER_PHRASE, 0);
    const { accountOf } = await import('../identity/phrase.js');
    const { sign } = await accountOf(phrase);
    const challenge = await this.#session.challenge();
    const signature = await sign(statement(challenge, location.origin));
    return { challenge: toBase64(challenge), signature: toBase64(signature) };
  }

  /** @param {string} phrase */
  async #isMine(phrase) {
    const { accountOf } = await import('../identity/phrase.js');
    const { key } = await accountOf(phrase);
    const { identity } = this;
    return identity !== null && toBase64(key) === toBase64(identity.accountKey);
  }

  /** @param {() => Promise<void>} act changes who this browser is */
  async #alone(act) {
    const release = await this.#halt();
    try {
      await act();
    } finally {
      release();
    }
  }

  async #nobody() {
    await this.#keyring.forget();
    this.#session.drop();
    this.#become(null);
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} path
   * @param {object} [body]
   */
  async #ask(method, path, body) {
    return /** @type {Me} */ (await this.#session.ask(method, path, body));
  }

  /** @param {Me | null} me */
  #become(me) {
    this.#me = me;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
