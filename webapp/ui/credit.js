// <dva-credit>: what this account has earned, and each of its units with how it stands and why.

import { make, say } from './dom.js';
import { count, operations } from './format.js';
import { unitItem } from './my-unit.js';
import { TEXT } from './text.js';

/** @typedef {import('./earnings.js').Earnings} Earnings */
/** @typedef {import('./server-types.js').Amount} Amount */

const LOOK_EVERY_MS = 5000;
/** @typedef {'pending' | 'confirmed' | 'forfeited' | 'revoked'} Kind */
/** @type {readonly Kind[]} */
const KINDS = Object.freeze(['confirmed', 'pending', 'forfeited', 'revoked']);

export class CreditElement extends HTMLElement {
  #state = make('p', { class: 'hint', role: 'status' });
  #figures = make('dl');
  /** @type {Map<Kind, {figure: HTMLElement, pairs: HTMLElement, work: HTMLElement}>} */
  #parts = new Map();
  #how = make('p', { class: 'hint' }, TEXT.creditHow);
  #work = make('details');
  #units = make('ul', { class: 'units' });
  #none = make('p', { class: 'hint' });
  #more = make('button', { type: 'button', class: 'button small', hidden: '' }, TEXT.workMore);
  /** @type {Earnings | null} */
  #earnings = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    for (const kind of KINDS) {
      const pairs = make('span');
      const work = make('span', { class: 'hint' });
      const label = make('dt', {}, TEXT.creditKind[kind]);
      const figure = make('div', { class: 'figure', 'data-kind': kind }, label, make('dd', {}, pairs, work));
      this.#parts.set(kind, { figure, pairs, work });
      this.#figures.append(figure);
    }
    const summary = make('summary', {}, TEXT.work);
    this.#work.append(summary, this.#none, this.#units, this.#more);
    this.append(make('h2', {}, TEXT.credit), this.#state, this.#figures, this.#how, this.#work);
    this.#work.addEventListener('toggle', () => {
      if (this.#earnings !== null) this.#earnings.listed = this.#work.open;
    });
    this.#more.addEventListener('click', () => this.#earnings?.more());
  }

  /** @param {Earnings} earnings */
  bind(earnings) {
    this.#earnings = earnings;
    earnings.addEventListener('change', () => this.#render());
    this.#render();
    earnings.tick();
    setInterval(() => {
      if (!document.hidden) earnings.tick();
    }, LOOK_EVERY_MS);
  }

  #render() {
    const earnings = this.#earnings;
    if (earnings === null) return;
    const { credit, units, refusal, isKnown } = earnings;
    const has = credit !== null;
    const words = refusal === null ? null : (TEXT.failure(refusal.code)?.join(' ') ?? refusal.message);
    if (words !== null) say(this.#state, TEXT.creditFailed(words));
    else if (has) say(this.#state, credit.pending_units > 0 ? TEXT.creditPending(credit.pending_units) : TEXT.creditSettled);
    else say(this.#state, isKnown ? TEXT.creditLoading : TEXT.creditNone);
    for (const [kind, { figure, pairs, work }] of this.#parts) {
      const amount = credit?.[kind] ?? null;
      // Their places are kept, so that nothing moves when they come.
      say(pairs, amount === null ? TEXT.noRate : TEXT.pairs(amount.pairs));
      say(work, amount === null ? '' : operations(amount.credits));
      // Most people never see these two, and needn't wonder.
      figure.hidden = (amount?.pairs ?? 0) === 0 && (kind === 'forfeited' || kind === 'revoked');
    }
    say(this.#none, listed(units, isKnown));
    this.#units.replaceChildren(...(units ?? []).map(unitItem));
    this.#more.hidden = !earnings.hasMore;
  }
}

/**
 * What is said above the list.
 * @param {readonly unknown[] | null} units null: not known yet
 * @param {boolean} isKnown whether the server knows this browser
 */
function listed(units, isKnown) {
  if (units === null) return isKnown ? TEXT.workLoading : TEXT.workNone;
  return units.length === 0 ? TEXT.workNone : TEXT.workCount(count(units.length));
}
