// How the scores of one pool are spread: counted in bins as fine as the page prints scores, drawn in
// bars as wide as eyes like them. Pure.

/** For scores in [-1, 1]: 0.001 each. */
const BINS = 2000;
/** The drawn range begins and ends at one of these steps (0.1 for scores), and is never narrower. */
const STEPS = 20;
const BINS_A_STEP = BINS / STEPS;
const MIN_STEPS = 4;
/** Widths of a bar in bins, and the widest range in steps that each is drawn for. */
const WIDTHS = Object.freeze([
  { bins: 10, steps: 5 },
  { bins: 20, steps: 10 },
  { bins: 25, steps: 14 },
  { bins: 50, steps: STEPS },
]);

/** @typedef {{minimum: number, maximum: number}} Range */

/**
 * What a chart draws: bars of equal width side by side, from the score `from` to the score `to`, which
 * are whole steps of `step`.
 * @typedef {{from: number, to: number, step: number, counts: number[]}} Bars
 */

/** @type {Readonly<Range & {name: string}>} of a cosine similarity */
export const SCORES = Object.freeze({ name: 'score', minimum: -1, maximum: 1 });

export class Histogram {
  #range;
  #bins = new Uint32Array(BINS);
  #count = 0;
  #lowest = BINS;
  #highest = -1;

  /** @param {Range & {name: string}} [column] of every score */
  constructor({ name, minimum, maximum } = SCORES) {
    this.#range = { minimum, maximum };
    this.name = name;
  }

  /** How many scores have been added. */
  get count() {
    return this.#count;
  }

  /** @param {Iterable<number>} scores each in the range */
  add(scores) {
    for (const score of scores) {
      const bin = this.#binOf(score);
      this.#bins[bin]++;
      this.#count++;
      this.#lowest = Math.min(this.#lowest, bin);
      this.#highest = Math.max(this.#highest, bin);
    }
  }

  /**
   * @param {number} score
   * @returns {number} the share of scores in [0, 1] that lie below it by what the page prints; 0 of none
   */
  shareBelow(score) {
    if (this.#count === 0) return 0;
    const lower = this.#bins.subarray(0, this.#binOf(score)).reduce((sum, count) => sum + count, 0);
    return lower / this.#count;
  }

  /**
   * @param {number} share in (0, 1]
   * @returns {number | null} the score that this share of all doesn't exceed, to a bin; null of none
   */
  quantile(share) {
    if (this.#count === 0) return null;
    let seen = 0;
    const bin = this.#bins.findIndex((count) => (seen += count) >= share * this.#count);
    return this.#scoreAt(bin + 0.5);
  }

  /** @returns {Bars} over the steps that hold scores; the range never shrinks, so bars don't dance */
  bars() {
    const lowest = this.#count === 0 ? this.#binOf(0) : this.#lowest;
    let first = Math.floor(lowest / BINS_A_STEP);
    let end = Math.max(Math.ceil((this.#highest + 1) / BINS_A_STEP), first + MIN_STEPS);
    if (end > STEPS) {
      end = STEPS;
      first = Math.min(first, end - MIN_STEPS);
    }
    const width = WIDTHS.find(({ steps }) => end - first <= steps)?.bins ?? BINS_A_STEP;
    const start = first * BINS_A_STEP;
    const counts = Array.from({ length: ((end - first) * BINS_A_STEP) / width }, (_, bar) => {
      const from = start + bar * width;
      return this.#bins.subarray(from, from + width).reduce((sum, count) => sum + count, 0);
    });
    const { minimum, maximum } = this.#range;
    const step = (maximum - minimum) / STEPS;
    return { from: this.#scoreAt(start), to: this.#scoreAt(end * BINS_A_STEP), step, counts };
  }

  /** @param {number} score */
  #binOf(score) {
    const { minimum, maximum } = this.#range;
    const bin = Math.floor(((score - minimum) / (maximum - minimum)) * BINS);
    return Math.min(BINS - 1, Math.max(0, bin));
  }

  /** @param {number} bin */
  #scoreAt(bin) {
    const { minimum, maximum } = this.#range;
    return Number((minimum + (bin / BINS) * (maximum - minimum)).toFixed(4));
  }
}
