// What keys of this browser sign: the bytes of webapp/dva_agent/statements.py, for those statements
// that JavaScript signs without Python. tests/dva_agent/statements.json holds both to
// the same. What answers a challenge names the server as the person sees it: its origin, as
// `location.origin` has it.

const TEXT = new TextEncoder();
const LENGTH_BYTES = 4;

/**
 * The label in ASCII, NUL, then each field as its length (uint32, little-endian) and its bytes. The
 * label keeps a signature given for one purpose from serving another.
 * @param {string} label
 * @param {...(Uint8Array | string)} fields text as UTF-8
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function statement(label, ...fields) {
  const head = TEXT.encode(`${label}\0`);
  const bodies = fields.map((field) => (typeof field === 'string' ? TEXT.encode(field) : field));
  const size = bodies.reduce((sum, body) => sum + LENGTH_BYTES + body.length, head.length);
  const whole = new Uint8Array(size);
  const view = new DataView(whole.buffer);
  whole.set(head);
  let at = head.length;
  for (const body of bodies) {
    view.setUint32(at, body.length, true);
    whole.set(body, at + LENGTH_BYTES);
    at += LENGTH_BYTES + body.length;
  }
  return whole;
}

/**
 * By the account key: this device is mine.
 * @param {Uint8Array} accountKey
 * @param {string} algorithm of the device's key
 * @param {Uint8Array} deviceKey
 */
export function deviceStatement(accountKey, algorithm, deviceKey) {
  return statement('dva device 1', accountKey, algorithm, deviceKey);
}

/**
 * By the device's key: I have it.
 * @param {Uint8Array} challenge of the server
 * @param {string} origin the server's
 * @param {Uint8Array} deviceKey
 */
export function sessionStatement(challenge, origin, deviceKey) {
  return statement('dva session 2', challenge, origin, deviceKey);
}

/**
 * By the account key: this device is mine no more.
 * @param {Uint8Array} challenge of the server
 * @param {string} origin the server's
 * @param {string} device its id
 */
export function revokeStatement(challenge, origin, device) {
  return statement('dva revoke 2', challenge, origin, device);
}

/**
 * By the account key: forget me here.
 * @param {Uint8Array} challenge of the server
 * @param {string} origin the server's
 * @param {string} contributor its id
 */
export function deleteStatement(challenge, origin, contributor) {
  return statement('dva delete 2', challenge, origin, contributor);
}

/**
 * By the account key: pay my credit to this address.
 * @param {Uint8Array} challenge of the server
 * @param {string} origin the server's
 * @param {string} address empty: to none
 */
export function payoutStatement(challenge, origin, address) {
  return statement('dva payout 2', challenge, origin, address);
}
