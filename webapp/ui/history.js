// How much was done in each of the last steps of time, for a chart. Pure: the caller brings the clock.

export class History {
  #stepS;
  #steps;
  /** By step, the newest last; index 0 is step `#first`. @type {number[]} */
  #amounts = [];
  #first = 0;

  /** @param {{stepS: number, steps: number}} settings seconds of a step, and how many are kept */
  constructor({ stepS, steps }) {
    this.#stepS = stepS;
    this.#steps = steps;
  }

  /**
   * @param {number} amount
   * @param {number} at seconds, not before the last call's
   */
  add(amount, at) {
    const step = Math.floor(at / this.#stepS);
    if (this.#amounts.length === 0) this.#first = step;
    this.#reach(step);
    this.#amounts[this.#amounts.length - 1] += amount;
  }

  /**
   * @param {number} at seconds
   * @returns {(number | null)[]} a second, in each of the last whole steps, the oldest first; null
   *   before the first step that was whole
   */
  series(at) {
    const now = Math.floor(at / this.#stepS);
    return Array.from({ length: this.#steps }, (_, i) => {
      const index = now - this.#steps + i - this.#first;
      // The first step began before anything was counted: it would be too low.
      if (this.#amounts.length === 0 || index < 1) return null;
      return (this.#amounts[index] ?? 0) / this.#stepS;
    });
  }

  /** @param {number} step */
  #reach(step) {
    const end = this.#first + this.#amounts.length;
    if (step - end >= this.#steps) {
      // Longer ago than anything that is kept: nought ever since.
      this.#amounts = Array.from({ length: this.#steps + 2 }, () => 0);
      this.#first = step - this.#steps - 1;
      return;
    }
    for (let next = end; next <= step; next++) this.#amounts.push(0);
    const surplus = this.#amounts.length - this.#steps - 2;
    if (surplus > 0) {
      this.#amounts.splice(0, surplus);
      this.#first += surplus;
    }
  }
}
