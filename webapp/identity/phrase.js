// The recovery phrase, and the account key that follows from it: twelve words by BIP-39 without a
// passphrase, the key by SLIP-0010 (Ed25519, the master key itself). Loaded only when it is needed.

import {
  generateMnemonic, getPublicKeyAsync, mnemonicToSeedWebcrypto, signAsync, validateMnemonic, wordlist,
} from './libraries.js';

const ENTROPY_BITS = 128;
const KEY_BYTES = 32;
const MASTER = new TextEncoder().encode('ed25519 seed');

/**
 * @typedef {object} Account
 * @property {Uint8Array<ArrayBuffer>} key public, 32 bytes
 * @property {(statement: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>} sign Ed25519, 64 bytes
 */

/** @returns {string} twelve words, a space between them */
export function newPhrase() {
  return generateMnemonic(wordlist, ENTROPY_BITS);
}

/**
 * As people write it: capitals, line ends, numbers before the words.
 * @param {string} text
 * @returns {{phrase: string | null, unknown: string[]}} `phrase`: null if it isn't one. `unknown`: what
 *   of it isn't in the list of words.
 */
export function readPhrase(text) {
  const words = text.normalize('NFKD').toLowerCase().split(/[^\p{Letter}]+/u).filter(Boolean);
  const unknown = words.filter((word) => !wordlist.includes(word));
  const phrase = words.join(' ');
  const isOne = words.length === 12 && unknown.length === 0 && validateMnemonic(phrase, wordlist);
  return { phrase: isOne ? phrase : null, unknown };
}

/**
 * @param {string} phrase as `newPhrase` and `readPhrase` give it
 * @returns {Promise<Account>}
 */
export async function accountOf(phrase) {
  const seed = await mnemonicToSeedWebcrypto(phrase);
  const hmac = await crypto.subtle.importKey('raw', MASTER, { name: 'HMAC', hash: 'SHA-512' }, false, ['sign']);
  const master = await crypto.subtle.sign('HMAC', hmac, new Uint8Array(seed));
  const secret = new Uint8Array(master).slice(0, KEY_BYTES);
  return {
    key: new Uint8Array(await getPublicKeyAsync(secret)),
    sign: async (statement) => new Uint8Array(await signAsync(statement, secret)),
  };
}
