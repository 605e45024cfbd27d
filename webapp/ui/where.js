// <dva-where>: what runs where, and whether its numbers are right.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('./state.js').State} State */

/** The rung of agents that need no model. */
const WITHOUT_MODEL = 'python';

export class WhereElement extends HTMLElement {
  #device = make('dd');
  #rung = make('dd');
  #test = make('dd');
  #images = make('dd', {}, TEXT.whereImagesValue);

  connectedCallback() {
    if (this.firstChild !== null) return;
    const rows = [
      [TEXT.whereDevice, this.#device],
      [TEXT.whereRung, this.#rung],
      [TEXT.whereTest, this.#test],
      [TEXT.whereText, make('dd', {}, TEXT.whereTextValue)],
      [TEXT.whereImages, this.#images],
    ].map(([label, value]) => make('div', {}, make('dt', {}, label), value));
    this.append(make('h2', {}, TEXT.where), make('dl', { class: 'facts' }, ...rows));
  }

  /** @param {readonly string[]} needs of the pool's agent */
  set needs(needs) {
    say(this.#images, needs.includes('images') ? TEXT.whereImagesValue : TEXT.whereImagesUnused);
  }

  /** @param {State} state */
  show({ phase, where, tested }) {
    say(this.#device, where?.deviceClass ?? TEXT.notYet);
    say(this.#rung, where === null ? TEXT.notYet : TEXT.rung(where.rung));
    const passed = tested && TEXT.tested(tested.pairs, tested.difference, tested.allowed);
    const untested = where?.rung === WITHOUT_MODEL ? TEXT.whereNoTest : null;
    say(this.#test, passed ?? untested ?? (phase === 'testing' ? TEXT.testing : TEXT.notYet));
    for (const value of [this.#device, this.#rung]) value.classList.toggle('unsure', where === null);
    this.#test.classList.toggle('unsure', tested === null && untested === null);
    this.#test.classList.toggle('passed', tested !== null);
  }
}
