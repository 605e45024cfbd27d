// <dva-where>: what runs where, and whether its numbers are right.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('./state.js').State} State */

export class WhereElement extends HTMLElement {
  #device = make('dd');
  #rung = make('dd');
  #test = make('dd');

  connectedCallback() {
    if (this.firstChild !== null) return;
    const rows = [
      [TEXT.whereDevice, this.#device],
      [TEXT.whereRung, this.#rung],
      [TEXT.whereTest, this.#test],
      [TEXT.whereText, make('dd', {}, TEXT.whereTextValue)],
      [TEXT.whereImages, make('dd', {}, TEXT.whereImagesValue)],
    ].map(([label, value]) => make('div', {}, make('dt', {}, label), value));
    this.append(make('h2', {}, TEXT.where), make('dl', { class: 'facts' }, ...rows));
  }

  /** @param {State} state */
  show({ phase, where, tested }) {
    say(this.#device, where?.deviceClass ?? TEXT.notYet);
    say(this.#rung, where === null ? TEXT.notYet : TEXT.rung(where.rung));
    const passed = tested && TEXT.tested(tested.pairs, tested.difference, tested.allowed);
    say(this.#test, passed ?? (phase === 'testing' ? TEXT.testing : TEXT.notYet));
    for (const value of [this.#device, this.#rung]) value.classList.toggle('unsure', where === null);
    this.#test.classList.toggle('unsure', tested === null);
    this.#test.classList.toggle('passed', tested !== null);
  }
}
