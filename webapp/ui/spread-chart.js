// A histogram as a drawing: bars over an axis of scores, nought marked, one score marked if asked.

import { draw, percent, place } from './svg.js';
import { TEXT } from './text.js';

/** @typedef {import('./histogram.js').Bars} Bars */

const MAX_LABELS = 7;
const GAP = 0.14;
/** A bar with anything in it can be seen. */
const LEAST = 0.012;

export class SpreadChart {
  #bars = draw('g', { class: 'bars' });
  #nought = draw('line', { class: 'nought', y1: 0, y2: '100%' });
  #mark = draw('line', { class: 'mark', y1: 0, y2: '100%' });
  #labels = draw('g');
  #drawn = '';
  plot = draw('svg', { class: 'plot', role: 'img' }, this.#bars, this.#nought, this.#mark);
  axis = draw('svg', { class: 'axis', 'aria-hidden': 'true' }, this.#labels);

  /** @param {string} label of the drawing, for who doesn't see it; its numbers stand beside it as text */
  constructor(label) {
    this.plot.setAttribute('aria-label', label);
  }

  /**
   * @param {Bars} bars
   * @param {number | null} marked a score
   */
  show(bars, marked) {
    const { from, to, counts } = bars;
    if (this.#drawn !== `${from} ${to} ${counts.length}`) this.#layOut(bars);
    const most = Math.max(1, ...counts);
    for (const [index, count] of counts.entries()) {
      const height = count === 0 ? 0 : Math.max(LEAST, count / most);
      const bar = /** @type {SVGElement} */ (this.#bars.children[index]);
      place(bar, { y: percent(1 - height), height: percent(height) });
    }
    const at = percent(((marked ?? 0) - from) / (to - from));
    place(this.#mark, { x1: at, x2: at, visibility: marked === null ? 'hidden' : 'visible' });
  }

  /** @param {Bars} bars */
  #layOut({ from, to, step, counts }) {
    const { length } = counts;
    this.#drawn = `${from} ${to} ${length}`;
    const width = (1 - GAP) / length;
    const bars = Array.from({ length }, (_, i) =>
      draw('rect', { x: percent((i + GAP / 2) / length), width: percent(width) }),
    );
    this.#bars.replaceChildren(...bars);
    const nought = percent(-from / (to - from));
    place(this.#nought, { x1: nought, x2: nought, visibility: from < 0 && to > 0 ? 'visible' : 'hidden' });
    const [first, last] = [Math.round(from / step), Math.round(to / step)];
    const labels = labelled(first, last).map((at) => {
      const anchor = at === first ? 'start' : at === last ? 'end' : 'middle';
      const x = percent((at - first) / (last - first));
      return draw('text', { x, y: 14, 'text-anchor': anchor }, TEXT.spreadAxis(at * step, step));
    });
    this.#labels.replaceChildren(...labels);
  }
}

/**
 * @param {number} first
 * @param {number} last
 * @returns {number[]} which steps from first to last have a label, nought among them
 */
function labelled(first, last) {
  const every = [1, 2, 5].find((wide) => (last - first) / wide < MAX_LABELS) ?? 10;
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return all.filter((at) => at % every === 0);
}
