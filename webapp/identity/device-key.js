// The key of this browser: made by it, never to be read by anybody, the page included.

/** @typedef {'ed25519' | 'p256'} Algorithm */

/**
 * @typedef {object} DeviceKey
 * @property {Algorithm} algorithm
 * @property {Uint8Array<ArrayBuffer>} publicKey 32 bytes; P-256: 65, uncompressed
 * @property {CryptoKey} privateKey can't be exported; can be kept in IndexedDB and sent to a Worker
 */

/** @type {Readonly<Record<Algorithm, {make: {name: string, namedCurve?: string}, sign: {name: string, hash?: string}}>>} */
const KINDS = Object.freeze({
  ed25519: { make: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
  p256: { make: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } },
});

/** @returns {Promise<DeviceKey>} P-256 where the browser lacks Ed25519 */
export async function makeDeviceKey() {
  try {
    return await makeKey('ed25519');
  } catch (error) {
    console.info('This browser makes no Ed25519 key, so it gets one on P-256:', error);
    return makeKey('p256');
  }
}

/**
 * @param {Algorithm} algorithm
 * @returns {Promise<DeviceKey>}
 */
export async function makeKey(algorithm) {
  const pair = await crypto.subtle.generateKey(KINDS[algorithm].make, false, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error(`${algorithm}: the browser made no pair of keys.`);
  const { privateKey, publicKey } = pair;
  // Some browsers made keys of a new kind before they could keep or send them.
  structuredClone(privateKey);
  return { algorithm, publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)), privateKey };
}

/**
 * @param {Pick<DeviceKey, 'algorithm' | 'privateKey'>} key
 * @param {Uint8Array<ArrayBuffer>} statement
 * @returns {Promise<Uint8Array<ArrayBuffer>>} 64 bytes: for P-256 r and s, one after the other
 */
export async function signWith({ algorithm, privateKey }, statement) {
  return new Uint8Array(await crypto.subtle.sign(KINDS[algorithm].sign, privateKey, statement));
}
