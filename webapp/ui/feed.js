// <dva-feed>: pairs as they are scored, in a fixed number of places that fill in turn, so that nothing
// on the page moves. A picture is blurred unless its own pool is known to be safe.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

const PLACES = 12;
const SCORED = 0;

class Card {
  element = make('li', { class: 'card empty' });
  #image = this.#newImage();
  #none = make('span', { class: 'none' });
  #caption = make('p', { class: 'caption' });
  #bar = make('div', { class: 'bar', role: 'img' }, make('span', { class: 'fill' }));
  #score = make('span', { class: 'score' });
  #url = '';
  /** @type {string | null} null: nothing has been shown */
  #pool = null;

  constructor() {
    const picture = make('div', { class: 'picture' }, this.#image, this.#none);
    const foot = make('div', { class: 'foot' }, this.#bar, this.#score);
    this.element.append(picture, this.#caption, foot);
  }

  get pool() {
    return this.#pool;
  }

  /** @param {boolean} blurred */
  set blurred(blurred) {
    this.element.classList.toggle('blurred', blurred);
  }

  /**
   * @param {ShownPair} pair
   * @param {boolean} blurred
   */
  show({ pool, caption, score, status, picture }, blurred) {
    this.#pool = pool;
    this.element.dataset.pool = pool;
    // An image shows its last picture until the next is decoded: that one may need the blur still.
    const image = this.#newImage();
    this.#image.replaceWith(image);
    this.#image = image;
    this.blurred = blurred;
    URL.revokeObjectURL(this.#url);
    this.#url = picture === null ? '' : URL.createObjectURL(new Blob([picture]));
    if (picture === null) {
      this.#noPicture();
    } else {
      this.#image.src = this.#url;
      this.#image.alt = TEXT.picture(caption);
      this.#image.hidden = false;
      say(this.#none, '');
    }
    say(this.#caption, caption || TEXT.noCaption);
    this.#caption.title = caption;
    this.#caption.classList.toggle('none', caption === '');
    const scored = status === SCORED && score !== null;
    say(this.#score, scored ? TEXT.score(score) : TEXT.status(status));
    this.#bar.hidden = !scored;
    this.#bar.ariaLabel = scored ? TEXT.scoreLabel(score) : '';
    this.#bar.style.setProperty('--score', String(scored ? score : 0));
    this.#bar.classList.toggle('below', scored && score < 0);
    this.element.classList.remove('empty', 'fresh');
    // Reading the width makes the browser forget the old run of the animation.
    void this.element.offsetWidth;
    this.element.classList.add('fresh');
  }

  #newImage() {
    const image = make('img', { alt: '', decoding: 'async', width: '160', height: '160', hidden: '' });
    image.addEventListener('error', () => {
      if (image === this.#image) this.#noPicture();
    });
    return image;
  }

  #noPicture() {
    this.#image.hidden = true;
    say(this.#none, TEXT.noPicture);
  }
}

export class FeedElement extends HTMLElement {
  #cards = Array.from({ length: PLACES }, () => new Card());
  #next = 0;
  #list = make('ul', { class: 'cards', role: 'list' });
  #hint = make('p', { class: 'hint' }, TEXT.feedEmpty);
  #blur = make('button', { type: 'button', class: 'button small', hidden: '' });
  /**
   * Pools that somebody asked to see though they aren't known to be safe.
   * @type {Set<string>}
   */
  #revealed = new Set();
  /** @type {ReadonlySet<string>} */
  #safe = new Set();

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.#list.append(...this.#cards.map(({ element }) => element));
    const head = make('div', { class: 'head' }, make('h2', {}, TEXT.feed), this.#hint, this.#blur);
    this.append(head, this.#list);
    this.#blur.addEventListener('click', () => {
      const shown = this.#pools();
      if (shown.some((pool) => this.#isBlurred(pool))) this.#revealed = new Set(shown);
      else this.#revealed.clear();
      this.#render();
    });
  }

  /** @param {ReadonlySet<string>} pools whose pictures may be shown to anybody */
  set safe(pools) {
    this.#safe = pools;
    this.#render();
  }

  /** @param {ShownPair[]} pairs */
  show(pairs) {
    // Nobody looks: no picture needs decoding.
    if (document.hidden) return;
    for (const pair of pairs) {
      this.#cards[this.#next].show(pair, this.#isBlurred(pair.pool));
      this.#next = (this.#next + 1) % PLACES;
    }
    if (pairs.length > 0) this.#render();
  }

  /** @param {string} pool */
  #isBlurred(pool) {
    return !this.#safe.has(pool) && !this.#revealed.has(pool);
  }

  #pools() {
    return this.#cards.flatMap(({ pool }) => (pool === null ? [] : [pool]));
  }

  #render() {
    for (const card of this.#cards) card.blurred = card.pool !== null && this.#isBlurred(card.pool);
    const shown = this.#pools();
    const isBlurred = shown.some((pool) => this.#isBlurred(pool));
    this.#blur.hidden = shown.every((pool) => this.#safe.has(pool));
    say(this.#blur, isBlurred ? TEXT.feedShow : TEXT.feedHide);
    if (shown.length > 0) say(this.#hint, isBlurred ? TEXT.feedHidden : TEXT.scale);
  }
}
