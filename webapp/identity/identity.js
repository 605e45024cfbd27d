// Who this browser is: a key of its own, certified by the account that the recovery phrase stands for.

import { makeDeviceKey, signWith } from './device-key.js';
import { deviceStatement, sessionStatement } from './statements.js';

/** @typedef {import('./device-key.js').Algorithm} Algorithm */

/**
 * What a Worker needs to sign in and to sign results.
 * @typedef {object} Signing
 * @property {Uint8Array<ArrayBuffer>} accountKey public, 32 bytes
 * @property {Algorithm} algorithm
 * @property {Uint8Array<ArrayBuffer>} deviceKey public
 * @property {CryptoKey} privateKey of the device
 * @property {Uint8Array<ArrayBuffer>} certificate the account's signature over `deviceStatement`
 */

/**
 * `phrase`: null once the person has said that it is written down; nothing here can sign for the
 * account then.
 * @typedef {Signing & {phrase: string | null}} Identity
 */

/** @returns {Promise<Identity>} with an account of its own */
export async function newIdentity() {
  const { newPhrase } = await import('./phrase.js');
  const phrase = newPhrase();
  return { ...(await certified(phrase)), phrase };
}

/**
 * @param {string} phrase of an account
 * @returns {Promise<Identity>} a new device of it
 */
export async function identityOf(phrase) {
  // Whoever has typed it has it.
  return { ...(await certified(phrase)), phrase: null };
}

/**
 * @param {string} phrase
 * @returns {Promise<Signing>}
 */
async function certified(phrase) {
  const { accountOf } = await import('./phrase.js');
  const [account, { algorithm, publicKey, privateKey }] = await Promise.all([accountOf(phrase), makeDeviceKey()]);
  const certificate = await account.sign(deviceStatement(account.key, algorithm, publicKey));
  return { accountKey: account.key, algorithm, deviceKey: publicKey, privateKey, certificate };
}

/**
 * That this browser has the device's key.
 * @param {Signing} identity
 * @param {Uint8Array} challenge of the server
 * @param {string} origin the server's
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export function proofOf(identity, challenge, origin) {
  return signWith(identity, sessionStatement(challenge, origin, identity.deviceKey));
}

/**
 * What was kept, if it still is an identity.
 * @param {unknown} found
 * @returns {Identity | null}
 */
export function readIdentity(found) {
  if (found === null || typeof found !== 'object') return null;
  const { accountKey, algorithm, deviceKey, privateKey, certificate, phrase } =
    /** @type {Record<string, unknown>} */ (found);
  if (algorithm !== 'ed25519' && algorithm !== 'p256') return null;
  if (!isBytes(accountKey) || !isBytes(deviceKey) || !isBytes(certificate)) return null;
  if (!(privateKey instanceof CryptoKey)) return null;
  return {
    accountKey, algorithm, deviceKey, privateKey, certificate, phrase: typeof phrase === 'string' ? phrase : null,
  };
}

/**
 * @param {unknown} value
 * @returns {value is Uint8Array<ArrayBuffer>}
 */
function isBytes(value) {
  return value instanceof Uint8Array;
}
