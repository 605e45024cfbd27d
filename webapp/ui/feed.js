// <dva-feed>: some of the pairs as they are scored, in a fixed number of places that fill in turn, so
// that nothing on the page moves. Tells "open" with the pair that somebody wants to see large.

import { Card } from './card.js';
import { keyOf } from './curtain.js';
import { make, say } from './dom.js';
import { TEXT } from './text.js';
import { isFit } from './values.js';

/** @typedef {import('../engine/wire.js').SeenBatch} SeenBatch */
/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */
/** @typedef {import('./curtain.js').Curtain} Curtain */

const PLACES = 12;
/** As many as static/css/feed.css shows on a small screen. */
const PLACES_IF_SMALL = 6;
const small = matchMedia('(max-width: 559px)');

export class FeedElement extends HTMLElement {
  #cards = Array.from({ length: PLACES }, () => new Card((pair) => this.#open(pair)));
  #next = 0;
  #list = make('ul', { class: 'cards', role: 'list' });
  #hint = make('p', { class: 'hint' }, TEXT.feedEmpty);
  #scale = make('p', { class: 'hint scale' }, TEXT.scale);
  #blur = make('button', { type: 'button', class: 'button small', hidden: '' });
  #hold = make('button', { type: 'button', class: 'button small', 'aria-pressed': 'false' }, TEXT.feedHold);
  #seen = 0;
  #shown = 0;
  #held = false;
  /** Pairs that were reported. @type {Set<string>} */
  #gone = new Set();
  /** @type {Curtain | null} */
  #curtain = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.#list.append(...this.#cards.map(({ element }) => element));
    const buttons = make('div', { class: 'buttons' }, this.#blur, this.#hold);
    const head = make('div', { class: 'head' }, make('h2', {}, TEXT.feed), buttons);
    this.append(head, this.#hint, this.#list, this.#scale);
    this.#blur.addEventListener('click', () => this.dispatchEvent(new Event('curtain')));
    this.#hold.addEventListener('click', () => {
      this.#held = !this.#held;
      this.#hold.ariaPressed = String(this.#held);
    });
  }

  /** @param {Curtain} curtain */
  set curtain(curtain) {
    this.#curtain = curtain;
  }

  /**
   * @param {SeenBatch} batch
   * @returns {ShownPair[]} those that are shown now
   */
  show({ pairs, shown }) {
    this.#seen += pairs;
    // Nobody looks: no picture needs decoding.
    if (document.hidden || this.#held) return [];
    const taken = shown.filter((pair) => !this.#gone.has(keyOf(pair)) && this.#place(pair));
    this.#shown += taken.length;
    return taken;
  }

  /** @param {ShownPair} pair that nobody is to see any more */
  withdraw(pair) {
    this.#gone.add(keyOf(pair));
    for (const card of this.#cards) card.withdraw((other) => keyOf(other) === keyOf(pair));
  }

  /** Draws the curtain anew. */
  render() {
    const curtain = this.#curtain;
    if (curtain === null) return;
    const shown = this.#cards.filter(({ pair }) => pair !== null);
    for (const card of shown) card.blurred = card.pair !== null && curtain.hides(card.pair);
    const concerned = shown.some(({ pair }) => pair !== null && curtain.concerns(pair.pool));
    this.#blur.hidden = !concerned;
    say(this.#blur, curtain.open ? TEXT.feedHide : TEXT.feedShow);
    const scale = shown.every(({ pair }) => pair === null || isFit(pair)) ? TEXT.scale : '';
    say(this.#scale, concerned && !curtain.open ? `${TEXT.feedHidden} ${scale}` : scale);
    if (this.#shown > 0) say(this.#hint, TEXT.feedShown(Math.round(this.#seen / this.#shown), this.#seen));
  }

  /**
   * @param {ShownPair} pair
   * @returns {boolean} false if there was no place: somebody is at all of them
   */
  #place(pair) {
    const places = small.matches ? PLACES_IF_SMALL : PLACES;
    for (let tries = 0; tries < places; tries++) {
      const card = this.#cards[this.#next % places];
      this.#next = (this.#next + 1) % places;
      if (card.isWanted) continue;
      card.show(pair, (it) => this.#curtain?.hides(it) ?? true).then(() => this.render());
      return true;
    }
    return false;
  }

  /** @param {ShownPair} pair */
  #open(pair) {
    this.dispatchEvent(new CustomEvent('open', { detail: pair }));
  }
}
