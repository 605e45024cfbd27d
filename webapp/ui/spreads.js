// The histograms of this visit, one for each pool and model: scores of another model are another scale.

import { Histogram } from './histogram.js';

/** @typedef {import('../engine/wire.js').Column} Column */

const MOST = 16;

export class Spreads {
  /** The one added to last comes last. @type {Map<string, Histogram>} */
  #known = new Map();

  /**
   * @param {{pool: string, bundle: string, columns: Column[]}} whose
   * @param {Iterable<number>} scores
   */
  add(whose, scores) {
    const histogram = this.#known.get(keyOf(whose)) ?? new Histogram(whose.columns[0]);
    histogram.add(scores);
    const key = keyOf(whose);
    this.#known.delete(key);
    this.#known.set(key, histogram);
    for (const old of [...this.#known.keys()].slice(0, -MOST)) this.#known.delete(old);
  }

  /**
   * @param {{pool: string, bundle: string}} whose
   * @returns {Histogram} an empty one if there is none
   */
  of(whose) {
    return this.#known.get(keyOf(whose)) ?? new Histogram();
  }

  /** @returns {Histogram} of the pool that was worked on last */
  get latest() {
    return [...this.#known.values()].at(-1) ?? new Histogram();
  }
}

/** @param {{pool: string, bundle: string}} whose */
function keyOf({ pool, bundle }) {
  return `${pool} ${bundle}`;
}
