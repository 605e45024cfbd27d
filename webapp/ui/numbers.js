// <dva-numbers>: how fast, how many today, how many ever.

import { make, say } from './dom.js';
import { count, rate } from './format.js';
import { Rate } from './rate.js';
import { totals } from './records.js';
import { TEXT } from './text.js';

const WINDOW_S = 30;
const NEED_S = 4;
const RENDER_EVERY_MS = 1000;

export class NumbersElement extends HTMLElement {
  #rate = new Rate({ windowS: WINDOW_S, needS: NEED_S });
  #perSecond = make('dd');
  #today = make('dd');
  #ever = make('dd');
  #running = false;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const figures = [
      [this.#perSecond, TEXT.rate],
      [this.#today, TEXT.today],
      [this.#ever, TEXT.ever],
    ].map(([value, label]) => make('div', { class: 'figure' }, make('dt', {}, label), value));
    this.append(
      make('h2', { class: 'spoken' }, TEXT.numbers),
      make('dl', {}, ...figures),
      make('p', { class: 'hint' }, TEXT.counted),
    );
    this.#render();
    setInterval(() => this.#render(), RENDER_EVERY_MS);
  }

  /** @param {number} pairs scored just now */
  add(pairs) {
    this.#rate.add(pairs, performance.now() / 1000);
  }

  /** @param {boolean} running whether pairs are being scored */
  set running(running) {
    if (running === this.#running) return;
    this.#running = running;
    this.#rate.restart();
    this.#render();
  }

  #render() {
    const perSecond = this.#rate.perSecond(performance.now() / 1000);
    const known = perSecond === null ? TEXT.measuring : rate(perSecond);
    say(this.#perSecond, this.#running ? known : TEXT.noRate);
    this.#perSecond.classList.toggle('unsure', this.#running && perSecond === null);
    const { today, ever } = totals(new Date());
    say(this.#today, count(today));
    say(this.#ever, count(ever));
  }
}
