// <dva-pool>: how far the pool is, by whoever works on it.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */

export class PoolElement extends HTMLElement {
  #title = make('p', { class: 'name' });
  #bar = make('progress', { max: '1', value: '0', 'aria-label': TEXT.pool });
  #done = make('p', { class: 'hint' });
  #agent = make('p', { class: 'hint' });
  #by = make('p', { class: 'hint' });

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.append(make('h2', {}, TEXT.pool), this.#title, this.#bar, this.#done, this.#agent, this.#by);
  }

  /** @param {PoolStatus | null} pool null: the server has none */
  show(pool) {
    say(this.#title, pool?.title ?? TEXT.noPool);
    this.#bar.hidden = pool === null;
    this.#bar.value = pool === null || pool.pairs === 0 ? 0 : pool.pairs_done / pool.pairs;
    say(this.#done, pool === null ? '' : TEXT.poolDone(pool.pairs_done, pool.pairs));
    say(this.#agent, pool === null ? '' : TEXT.agent(pool.agent));
    say(this.#by, pool === null ? '' : TEXT.poolBy(pool.licence, pool.attribution));
  }

  silent() {
    say(this.#done, TEXT.serverSilent);
  }
}
