// The pairs that the page has shown lately, to go back and forth in. Bounded, so that a page open all
// night is as big as one open for a minute. Pure.

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

const PAIRS = 60;
const BYTES = 48 << 20;

export class Gallery {
  /** The newest last. @type {ShownPair[]} */
  #pairs = [];
  #bytes = 0;

  get size() {
    return this.#pairs.length;
  }

  /** @param {ShownPair} pair */
  add(pair) {
    this.#pairs.push(pair);
    this.#bytes += sizeOf(pair);
    while (this.#pairs.length > 1 && (this.#pairs.length > PAIRS || this.#bytes > BYTES)) {
      this.#bytes -= sizeOf(/** @type {ShownPair} */ (this.#pairs.shift()));
    }
  }

  /**
   * @param {ShownPair} pair
   * @param {1 | -1} step 1: the next newer
   * @returns {ShownPair | null} null at either end; the oldest after one that has gone
   */
  beside(pair, step) {
    const index = this.#pairs.indexOf(pair);
    if (index < 0) return step === 1 ? (this.#pairs[0] ?? null) : null;
    return this.#pairs[index + step] ?? null;
  }

  /**
   * Forgets a pair wherever it is.
   * @param {{pool: string, uid: string}} pair
   */
  remove({ pool, uid }) {
    this.#pairs = this.#pairs.filter((known) => known.pool !== pool || known.uid !== uid);
    this.#bytes = this.#pairs.reduce((sum, known) => sum + sizeOf(known), 0);
  }
}

/** @param {ShownPair} pair */
function sizeOf({ picture }) {
  return picture?.length ?? 0;
}
