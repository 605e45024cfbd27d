// The device's key, for Python: who this is, and signatures. What is signed is Python's affair
// (webapp/dva_agent/statements.py).

import { signWith } from '../identity/device-key.js';
import { toBase64 } from '../identity/encoding.js';

/** @typedef {import('../identity/identity.js').Signing} Signing */

export class Signer {
  #signing;

  /** @param {Signing} signing */
  constructor(signing) {
    this.#signing = signing;
  }

  /** @returns {string} JSON, keys and certificate in base64 */
  describe() {
    const { accountKey, algorithm, deviceKey, certificate } = this.#signing;
    return JSON.stringify({
      accountKey: toBase64(accountKey),
      keyAlgorithm: algorithm,
      deviceKey: toBase64(deviceKey),
      certificate: toBase64(certificate),
    });
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} statement
   * @returns {Promise<Uint8Array<ArrayBuffer>>} 64 bytes
   */
  sign(statement) {
    return signWith(this.#signing, statement);
  }
}
