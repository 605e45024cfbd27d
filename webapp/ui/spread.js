// <dva-spread>: the scores so far, as a histogram and in a sentence.

import { make, say } from './dom.js';
import { SCORES } from './histogram.js';
import { SpreadChart } from './spread-chart.js';
import { TEXT } from './text.js';

/** @typedef {import('./histogram.js').Histogram} Histogram */

const LOW = 0.1;
const HIGH = 0.9;

export class SpreadElement extends HTMLElement {
  #title = make('h2', { class: 'sentence' }, TEXT.spread);
  #chart = new SpreadChart(TEXT.spreadChart);
  #summary = make('figcaption', { class: 'hint' }, TEXT.spreadEmpty);

  connectedCallback() {
    if (this.firstChild !== null) return;
    const figure = make('figure', { class: 'chart' }, this.#chart.plot, this.#chart.axis, this.#summary);
    this.append(this.#title, figure);
  }

  /**
   * @param {Histogram} histogram
   * @param {number | null} marked the score of the pair that is open
   */
  show(histogram, marked) {
    this.#chart.show(histogram.bars(), marked);
    say(this.#title, histogram.name === SCORES.name ? TEXT.spread : TEXT.column(histogram.name));
    say(this.#summary, summaryOf(histogram));
  }
}

/** @param {Histogram} histogram */
function summaryOf(histogram) {
  const [low, middle, high] = [LOW, 0.5, HIGH].map((share) => histogram.quantile(share));
  if (low === null || middle === null || high === null) return TEXT.spreadEmpty;
  return TEXT.spreadOf(histogram.count, middle, low, high);
}
