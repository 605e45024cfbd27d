// <dva-pace>: pairs a second over the last minutes.

import { make, say } from './dom.js';
import { rate } from './format.js';
import { History } from './history.js';
import { draw, place } from './svg.js';
import { TEXT } from './text.js';

const STEP_S = 5;
const STEPS = 60;
/** The axis is this long at first, and grows with what there is to show. */
const LEAST_STEPS = 12;
const MAX_SCALE = Object.freeze([1, 2, 5]);

export class PaceElement extends HTMLElement {
  #history = new History({ stepS: STEP_S, steps: STEPS });
  #area = draw('path', { class: 'area' });
  #line = draw('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  #plot = draw('svg', { class: 'plot', role: 'img', 'aria-label': TEXT.paceChart });
  #ago = draw('text', { x: 0, y: 14 });
  #top = make('span', { class: 'top', 'aria-hidden': 'true' });
  #summary = make('figcaption', { class: 'hint' }, TEXT.paceEmpty);

  connectedCallback() {
    if (this.firstChild !== null) return;
    place(this.#plot, { preserveAspectRatio: 'none' });
    this.#plot.append(this.#area, this.#line);
    const axis = draw('svg', { class: 'axis', 'aria-hidden': 'true' });
    axis.append(this.#ago, draw('text', { x: '100%', y: 14, 'text-anchor': 'end' }, TEXT.paceNow));
    const figure = make('figure', { class: 'chart' }, this.#plot, this.#top, axis, this.#summary);
    this.append(make('h2', {}, TEXT.pace), figure);
  }

  /** @param {number} pairs scored just now */
  add(pairs) {
    this.#history.add(pairs, performance.now() / 1000);
  }

  show() {
    const series = this.#history.series(performance.now() / 1000);
    const known = series.filter((value) => value !== null);
    if (known.length === 0) return;
    const most = Math.max(...known);
    const top = niceAbove(most);
    const steps = Math.max(LEAST_STEPS, known.length);
    const first = steps - known.length;
    const points = known.map((value, i) => `${first + i} ${(1 - value / top).toFixed(4)}`);
    place(this.#plot, { viewBox: `0 0 ${steps - 1} 1` });
    place(this.#line, { d: `M${points.join('L')}` });
    place(this.#area, { d: `M${first} 1L${points.join('L')}L${steps - 1} 1Z` });
    say(this.#top, rate(top));
    say(this.#ago, TEXT.paceAgo(STEP_S * steps));
    say(this.#summary, TEXT.paceOf(rate(/** @type {number} */ (known.at(-1))), rate(most)));
  }
}

/**
 * @param {number} value at least 0
 * @returns {number} a round number that isn't below it
 */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return (MAX_SCALE.find((step) => step * power >= value) ?? 10) * power;
}
