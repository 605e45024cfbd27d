// Bytes as text, as the messages of the server carry them.

/**
 * @param {Uint8Array} bytes
 * @returns {string} standard base64
 */
export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

/**
 * @param {string} text standard base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
