// The device that this browser is to the server: its id, its token, and the next token when that one
// has run out. The agent in the Worker does the same for itself, in Python.

import { fromBase64, toBase64 } from '../identity/encoding.js';
import { proofOf } from '../identity/identity.js';
import { dropDevice, saveDevice, savedDevice } from './records.js';
import { Refusal, UNREACHABLE, refusalOf } from './refusal.js';

/** @typedef {import('../engine/wire.js').Device} Device */
/** @typedef {import('../identity/identity.js').Identity} Identity */
/** @typedef {import('../identity/identity.js').Signing} Signing */
/** @typedef {import('../identity/keyring.js').Keyring} Keyring */

const ROOT = '/api/v1';
const ANSWER_WITHIN_MS = 20_000;
/** Codes with which the server asks for another token. */
const RENEWED_FOR = Object.freeze(['token_expired', 'not_signed_in']);

/** Tells "change" when the server has come to know this browser, or knows it no more. */
export class Session extends EventTarget {
  #keyring;
  /** Also where the browser keeps nothing. @type {Device & {key: string} | null} */
  #device = null;
  /** @type {{key: string, device: Device | null}} */
  #working = { key: '', device: null };

  /** @param {Keyring} keyring */
  constructor(keyring) {
    super();
    this.#keyring = keyring;
  }

  /** @returns {Device | null} null: the server doesn't know this browser, as far as that is known here */
  get device() {
    const { identity } = this.#keyring;
    if (identity === null) return null;
    const key = toBase64(identity.deviceKey);
    return savedDevice(key) ?? (this.#device?.key === key ? this.#device : null);
  }

  /** @returns {Promise<Signing>} what a Worker signs in with; keys are made if need be */
  async begin() {
    // Nothing that runs needs the phrase.
    const { phrase: _, ...signing } = await this.#keyring.make();
    this.#working = { key: toBase64(signing.deviceKey), device: null };
    return signing;
  }

  /** @returns {Device | null} what the Worker works as: that of `begin`, whoever this browser is by now */
  get working() {
    return this.#working.device;
  }

  /** @param {Device} device as the Worker has it from the server */
  keep(device) {
    const { key } = this.#working;
    this.#working = { key, device };
    this.#keep({ ...device, key });
  }

  /** The server doesn't know this browser any more. */
  drop() {
    this.#device = null;
    dropDevice();
    this.dispatchEvent(new Event('change'));
  }

  /**
   * Introduces this browser without an agent: somebody wants to see an account's devices from it.
   * @param {Identity} identity that it will have
   */
  async join(identity) {
    const { version } = /** @type {{version: string}} */ (await this.#once('GET', '/status'));
    const challenge = await this.challenge();
    const device = await this.#once('POST', '/devices', {
      platform: 'browser',
      device_class: 'browser',
      agent_version: version,
      account_key: toBase64(identity.accountKey),
      key_algorithm: identity.algorithm,
      device_key: toBase64(identity.deviceKey),
      certificate: toBase64(identity.certificate),
      challenge: toBase64(challenge),
      proof: toBase64(await proofOf(identity, challenge, location.origin)),
    });
    // The agent introduces the same device again at its start, and says what it computes with.
    this.#keep({ .../** @type {Device} */ (device), key: toBase64(identity.deviceKey) });
  }

  /** @returns {Promise<Uint8Array<ArrayBuffer>>} what a signature that must be fresh is made over */
  async challenge() {
    const { challenge } = /** @type {{challenge: string}} */ (await this.#once('POST', '/challenges'));
    return fromBase64(challenge);
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} path below the interface's root
   * @param {object} [body]
   * @returns {Promise<unknown>} the answer's JSON. Rejects with Refusal.
   */
  async ask(method, path, body) {
    const { device } = this;
    try {
      return await this.#once(method, path, body, device?.token);
    } catch (error) {
      if (!(error instanceof Refusal) || !RENEWED_FOR.includes(error.code) || device === null) throw error;
    }
    return this.#once(method, path, body, await this.#renewed(device.device));
  }

  /**
   * @param {string} device its id
   * @returns {Promise<string>} the next token
   */
  async #renewed(device) {
    const identity = await this.#keyring.make();
    const challenge = await this.challenge();
    const proof = await proofOf(identity, challenge, location.origin);
    const asked = { device, challenge: toBase64(challenge), proof: toBase64(proof) };
    const { token } = /** @type {{token: string}} */ (await this.#once('POST', '/sessions', asked));
    this.#keep({ device, token, key: toBase64(identity.deviceKey) });
    return token;
  }

  /** @param {Device & {key: string}} device */
  #keep(device) {
    this.#device = device;
    saveDevice(device.key, device);
    this.dispatchEvent(new Event('change'));
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {string} path
   * @param {object} [body]
   * @param {string} [token]
   * @returns {Promise<unknown>}
   */
  async #once(method, path, body, token) {
    const response = await fetch(ROOT + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch((error) => {
      console.warn(error);
      throw new Refusal(UNREACHABLE, 0);
    });
    const answer = await response.json().catch(() => null);
    if (!response.ok || answer === null) throw refusalOf(response.status, answer);
    return answer;
  }
}
