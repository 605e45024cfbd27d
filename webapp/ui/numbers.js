// <dva-numbers>: how fast, how many today, how many ever, and what it takes.

import { make, say } from './dom.js';
import { Meter, wattHours } from './energy.js';
import { count, rate } from './format.js';
import { Rate } from './rate.js';
import { addToEnergy, energy, totals, traffic } from './records.js';
import { TEXT } from './text.js';

/**
 * The work that goes on now.
 * @typedef {{watts: number, share: number}} Load `watts` while it computes, which it does for `share` of
 *   the time
 */

const WINDOW_S = 30;
const NEED_S = 4;
const RENDER_EVERY_MS = 1000;

export class NumbersElement extends HTMLElement {
  #rate = new Rate({ windowS: WINDOW_S, needS: NEED_S });
  #meter = new Meter();
  #perSecond = make('dd');
  #today = make('dd');
  #ever = make('dd');
  #data = make('dd');
  #energy = make('dd');
  #costs = make('p', { class: 'hint' }, TEXT.costs(null));
  /** @type {Load | null} null: no pair is being scored */
  #load = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const figures = [
      [this.#perSecond, TEXT.rate],
      [this.#today, TEXT.today],
      [this.#ever, TEXT.ever],
      [this.#data, TEXT.dataToday],
      [this.#energy, TEXT.energyToday],
    ].map(([value, label]) => make('div', { class: 'figure' }, make('dt', {}, label), value));
    const how = make('details', {}, make('summary', {}, TEXT.howCounted));
    how.append(make('p', { class: 'hint' }, TEXT.counted), this.#costs);
    this.append(make('h2', { class: 'spoken' }, TEXT.numbers), make('dl', {}, ...figures), how);
    this.#render();
    setInterval(() => this.#render(), RENDER_EVERY_MS);
  }

  /** @param {number} pairs scored just now */
  add(pairs) {
    this.#rate.add(pairs, performance.now() / 1000);
  }

  /** @param {Load | null} load null: no pair is being scored */
  set load(load) {
    const wasRunning = this.#load !== null;
    if (load?.watts === this.#load?.watts && load?.share === this.#load?.share) return;
    // What was used until now was used at the load until now.
    this.#render();
    this.#load = load;
    if (load !== null) say(this.#costs, TEXT.costs(load));
    if (wasRunning !== (load !== null)) this.#rate.restart();
    this.#render();
  }

  #render() {
    const at = performance.now() / 1000;
    const now = new Date();
    const { watts, share } = this.#load ?? { watts: 0, share: 0 };
    const used = this.#meter.read(watts * share, at);
    if (used > 0) addToEnergy(used, now);
    const perSecond = this.#rate.perSecond(at);
    const known = perSecond === null ? TEXT.measuring : rate(perSecond);
    say(this.#perSecond, this.#load === null ? TEXT.noRate : known);
    this.#perSecond.classList.toggle('unsure', this.#load !== null && perSecond === null);
    const pairs = totals(now);
    say(this.#today, count(pairs.today));
    say(this.#ever, count(pairs.ever));
    say(this.#data, TEXT.dataUsed(traffic(now).today));
    say(this.#energy, TEXT.energyUsed(wattHours(energy(now).today)));
  }
}
