// The text of token ids, from a bundle's merges: what the model read. The vocabulary is that of
// webapp/dva_agent/tokenizer.py: 256 bytes, the same at a word's end, one entry a merge, start and end.

const END_OF_WORD = '</w>';

/** @typedef {{text: string, endsWord: boolean, special: boolean}} Piece */

export class Pieces {
  #vocabulary;

  /** @param {string} merges the text of merges.txt, one merge a line, two parts with a space between */
  constructor(merges) {
    const bytes = [...alphabet().keys()];
    const merged = merges.split('\n').filter(Boolean).map((line) => line.replace(' ', ''));
    this.#vocabulary = [...bytes, ...bytes.map((byte) => byte + END_OF_WORD), ...merged];
  }

  /**
   * @param {number} id
   * @returns {Piece} `text` is empty for start and end of text, and hexadecimal for part of a character
   */
  of(id) {
    const token = this.#vocabulary[id];
    if (token === undefined) return { text: '', endsWord: true, special: true };
    const endsWord = token.endsWith(END_OF_WORD);
    const letters = endsWord ? token.slice(0, -END_OF_WORD.length) : token;
    return { text: decoded(letters), endsWord, special: false };
  }
}

/** @type {Map<string, number> | null} */
let known = null;

/** CLIP's printable stand-in of each byte -> the byte, in the order of the vocabulary. */
function alphabet() {
  if (known !== null) return known;
  const isPrintable = (/** @type {number} */ byte) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  known = new Map(all.filter(isPrintable).map((byte) => [String.fromCharCode(byte), byte]));
  for (const [index, byte] of all.filter((byte) => !isPrintable(byte)).entries()) {
    known.set(String.fromCharCode(256 + index), byte);
  }
  return known;
}

/** @param {string} letters of the alphabet */
function decoded(letters) {
  const bytes = Uint8Array.from(letters, (letter) => alphabet().get(letter) ?? 0);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ');
  }
}
