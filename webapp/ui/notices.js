// <dva-notices>: what went wrong, in plain words, with what to do.

import { make } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('./state.js').Notice} Notice */

export class NoticesElement extends HTMLElement {
  #list = make('ul', { role: 'list' });
  /** @type {readonly Notice[]} */
  #shown = [];

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.setAttribute('role', 'region');
    this.setAttribute('aria-live', 'polite');
    this.setAttribute('aria-label', TEXT.problems);
    this.append(this.#list);
    this.hidden = true;
  }

  /** @param {readonly Notice[]} notices */
  show(notices) {
    if (notices === this.#shown) return;
    this.#shown = notices;
    this.hidden = notices.length === 0;
    this.#list.replaceChildren(...notices.map(itemFor));
  }
}

/** @param {Notice} notice */
function itemFor({ code, message, nextStep, retryInS }) {
  const [kind, rung] = code.split(':');
  const text = rung === undefined ? message : TEXT.rungSkipped(rung, message);
  const next = [nextStep, retryInS === null ? '' : TEXT.retrying(retryInS)].filter(Boolean).join(' ');
  const item = make('li', { 'data-code': kind }, make('p', { class: 'problem' }, text));
  if (next !== '') item.append(make('p', { class: 'next' }, next));
  item.append(make('code', {}, kind));
  return item;
}
