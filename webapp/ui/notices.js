// <dva-notices>: what went wrong, in plain words, with what to do and when it is tried again.

import { make, say } from './dom.js';
import { byCause } from './state.js';
import { TEXT } from './text.js';

/** @typedef {import('./state.js').Notice} Notice */

const COUNT_EVERY_MS = 1000;

export class NoticesElement extends HTMLElement {
  #list = make('ul', { role: 'list' });
  /** @type {readonly Notice[]} */
  #shown = [];
  /** @type {Map<Element, number>} */
  #countdowns = new Map();

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.setAttribute('role', 'region');
    this.setAttribute('aria-label', TEXT.problems);
    this.#list.setAttribute('aria-live', 'polite');
    this.append(this.#list);
    this.hidden = true;
    setInterval(() => this.#count(), COUNT_EVERY_MS);
  }

  /** @param {readonly Notice[]} notices */
  show(notices) {
    if (isSame(notices, this.#shown)) return;
    this.#shown = notices;
    this.#countdowns.clear();
    this.hidden = notices.length === 0;
    this.#list.replaceChildren(...byCause(notices).map((cause) => this.#itemFor(cause)));
    this.#count();
  }

  /** @param {ReturnType<typeof byCause>[number]} cause */
  #itemFor({ notice: { code, message, nextStep, retryAt }, rungs }) {
    const [what, next] = TEXT.failure(code) ?? [message, nextStep];
    const problem = rungs.length > 0 ? `${TEXT.rungsSkipped(rungs)} ${what}` : what;
    const item = make('li', { 'data-code': code }, make('p', { class: 'problem' }, problem));
    if (next !== '') item.append(make('p', { class: 'next' }, next));
    if (retryAt !== null) {
      // Every second another figure: to be seen, not to be read out.
      const countdown = make('p', { class: 'next countdown', 'aria-live': 'off' });
      this.#countdowns.set(countdown, retryAt);
      item.append(countdown);
    }
    // In the words of whatever failed: for whoever has to find out why.
    const detail = message === '' || message === what ? [] : [` ${message}`];
    item.append(make('p', { class: 'detail' }, make('code', {}, code), ...detail));
    return item;
  }

  #count() {
    for (const [element, retryAt] of this.#countdowns) {
      say(element, TEXT.retrying(Math.max(0, (retryAt - Date.now()) / 1000)));
    }
  }
}

/**
 * @param {readonly Notice[]} one
 * @param {readonly Notice[]} other
 */
function isSame(one, other) {
  return one.length === other.length && one.every((notice, i) => notice === other[i]);
}
