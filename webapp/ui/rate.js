// How fast something goes: over a sliding window, and only when there is enough to tell. Pure: the
// caller brings the clock.

export class Rate {
  /** @type {{at: number, amount: number}[]} */
  #marks = [];
  #windowS;
  #needS;

  /**
   * @param {{windowS: number, needS: number}} settings seconds looked back, and seconds needed to
   *   say anything
   */
  constructor({ windowS, needS }) {
    this.#windowS = windowS;
    this.#needS = needS;
  }

  /**
   * @param {number} amount done since the last call
   * @param {number} at seconds
   */
  add(amount, at) {
    this.#marks.push({ at, amount });
    while (this.#marks.length > 2 && this.#marks[0].at < at - this.#windowS) this.#marks.shift();
  }

  /** What was done until now was done at another pace, or before a pause. */
  restart() {
    this.#marks = [];
  }

  /**
   * @param {number} at seconds
   * @returns {number | null} a second; null while there is too little to tell
   */
  perSecond(at) {
    if (this.#marks.length < 2) return null;
    const first = this.#marks[0];
    const span = at - first.at;
    if (span < this.#needS) return null;
    // The first mark only says when the window begins: its amount was done before.
    const done = this.#marks.reduce((sum, { amount }) => sum + amount, 0) - first.amount;
    return done / span;
  }
}
