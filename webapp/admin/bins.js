// Counts of scores by bin, so that a line may be moved over them without asking anybody: how many lie
// at or above a score, and at which score so many do. To a bin; within it, as if evenly spread. Pure.

/** @typedef {{low: number, high: number, counts: number[], shared: number[] | null}} Given */

export class Bins {
  #above;
  #sharedAbove;

  /** @param {Given} given counts of equal bins from the score `low` to the score `high` */
  constructor({ low, high, counts, shared }) {
    this.low = low;
    this.high = high;
    this.#above = fromTheTop(counts);
    this.#sharedAbove = shared === null ? null : fromTheTop(shared);
  }

  /** All of them. */
  get scored() {
    return this.#above[0];
  }

  /** How far apart two scores are that a key tells apart. */
  get step() {
    return (this.high - this.low) / Math.min(this.#above.length - 1, 200);
  }

  /** @param {number} score */
  members(score) {
    return Math.round(this.#at(this.#above, score));
  }

  /**
   * @param {number} score
   * @returns {number | null} of those, how many the other selection has, too; null without one
   */
  shared(score) {
    return this.#sharedAbove === null ? null : Math.round(this.#at(this.#sharedAbove, score));
  }

  /**
   * @param {number} members
   * @returns {number} the score that about so many are at or above
   */
  scoreOf(members) {
    const above = this.#above;
    if (members >= this.scored) return this.low;
    let bin = above.length - 1;
    while (bin > 0 && above[bin] < members) bin--;
    const inside = above[bin] - above[bin + 1];
    const part = inside > 0 ? (above[bin] - members) / inside : 0;
    return this.#scoreAt(bin + part);
  }

  /**
   * @param {number} score
   * @returns {number} within the range
   */
  within(score) {
    return Math.min(this.high, Math.max(this.low, score));
  }

  /**
   * @param {number[]} above
   * @param {number} score
   */
  #at(above, score) {
    const place = ((this.within(score) - this.low) / (this.high - this.low)) * (above.length - 1);
    const bin = Math.min(Math.floor(place), above.length - 2);
    return above[bin] - (above[bin] - above[bin + 1]) * (place - bin);
  }

  /** @param {number} place in bins */
  #scoreAt(place) {
    return this.low + (place / (this.#above.length - 1)) * (this.high - this.low);
  }
}

/**
 * @param {number[]} counts
 * @returns {number[]} how many are in each bin and those above it; 0 after the last
 */
function fromTheTop(counts) {
  const above = new Array(counts.length + 1).fill(0);
  for (let bin = counts.length - 1; bin >= 0; bin--) above[bin] = above[bin + 1] + counts[bin];
  return above;
}
