// One place of the feed: a pair, its score, and the way to see it large. Nothing in it moves when
// another pair takes the place, and it is never empty meanwhile: the other comes with its picture.

import { make, say } from './dom.js';
import { Picture, decode } from './picture.js';
import { TEXT } from './text.js';
import { isFit, resultOf, scoreOf, valuesOf } from './values.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

const APPEAR_MS = 320;
/** Of its picture, in pixels of the screen: twice its place, for a sharp one. */
const SIDE = 320;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Card {
  #picture = new Picture(SIDE);
  #values = make('span', { class: 'values', hidden: '' });
  #caption = make('span', { class: 'caption' });
  #bar = make('span', { class: 'bar' }, make('span', { class: 'fill' }));
  #score = make('span', { class: 'score' });
  #button = make('button', { type: 'button', class: 'card empty', disabled: '' });
  /** An empty place is nothing to hear of. */
  element = make('li', { 'aria-hidden': 'true' }, this.#button);
  /** @type {ShownPair | null} */
  #pair = null;
  /** What takes the place once its picture is decoded. @type {ShownPair | null} */
  #coming = null;

  /** @param {(pair: ShownPair) => void} open called when somebody wants to see it large */
  constructor(open) {
    const foot = make('span', { class: 'foot' }, this.#bar, this.#score);
    this.#picture.element.append(this.#values);
    this.#button.append(this.#picture.element, this.#caption, foot);
    this.#button.addEventListener('click', () => {
      if (this.#pair !== null) open(this.#pair);
    });
  }

  get pair() {
    return this.#pair;
  }

  /** Whether somebody is about to press it: then it keeps its pair. */
  get isWanted() {
    return this.#pair !== null && this.#button.matches(':hover, :focus-visible');
  }

  /** @param {boolean} blurred */
  set blurred(blurred) {
    this.#picture.blurred = blurred;
    this.#button.classList.toggle('blurred', blurred);
  }

  /**
   * @param {ShownPair} pair
   * @param {(pair: ShownPair) => boolean} hides whether its picture is to be blurred, asked at the end
   */
  async show(pair, hides) {
    this.#coming = pair;
    const bitmap = await decode(pair.picture);
    if (this.#coming === pair && !this.isWanted) this.#put(pair, bitmap, hides(pair));
    else bitmap?.close();
  }

  /** @param {(pair: ShownPair) => boolean} meant whether a pair isn't to be seen any more */
  withdraw(meant) {
    if (this.#coming !== null && meant(this.#coming)) this.#coming = null;
    if (this.#pair !== null && meant(this.#pair)) this.#clear();
  }

  /**
   * @param {ShownPair} pair
   * @param {ImageBitmap | null} bitmap
   * @param {boolean} blurred
   */
  #put(pair, bitmap, blurred) {
    const { pool, caption } = pair;
    const fit = isFit(pair) ? scoreOf(pair) : null;
    this.#pair = pair;
    this.#button.dataset.pool = pool;
    this.#picture.put(bitmap, { alt: '', blurred });
    this.#showValues(pair);
    this.blurred = blurred;
    say(this.#caption, caption || TEXT.noCaption);
    this.#caption.classList.toggle('none', caption === '');
    say(this.#score, resultOf(pair));
    this.#bar.hidden = fit === null;
    this.#bar.style.setProperty('--score', String(fit ?? 0));
    this.#bar.classList.toggle('below', fit !== null && fit < 0);
    this.#button.disabled = false;
    this.element.ariaHidden = null;
    this.#button.classList.remove('empty');
    if (!calm.matches) this.#button.animate([{ opacity: 0.25 }, {}], { duration: APPEAR_MS, easing: 'ease-out' });
  }

  /**
   * Where no picture was needed, its place has room for what else is said of the pair.
   * @param {ShownPair} pair
   */
  #showValues(pair) {
    const others = pair.picture === null && scoreOf(pair) !== null ? valuesOf(pair).slice(1) : [];
    const lines = others.map(([name, value]) => make('span', {}, make('span', {}, name), make('b', {}, value)));
    this.#values.replaceChildren(...lines);
    this.#values.hidden = lines.length === 0;
  }

  #clear() {
    this.#pair = null;
    this.#picture.clear();
    this.#values.hidden = true;
    say(this.#caption, '');
    say(this.#score, '');
    this.#button.disabled = true;
    this.element.ariaHidden = 'true';
    this.#button.classList.add('empty');
    delete this.#button.dataset.pool;
  }
}
