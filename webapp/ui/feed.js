// <dva-feed>: pairs as they are scored, in a fixed number of places that fill in turn, so that nothing
// on the page moves.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

const PLACES = 12;
const SCORED = 0;

class Card {
  element = make('li', { class: 'card empty' });
  #image = make('img', { alt: '', decoding: 'async', width: '160', height: '160' });
  #none = make('span', { class: 'none' });
  #caption = make('p', { class: 'caption' });
  #bar = make('div', { class: 'bar', role: 'img' }, make('span', { class: 'fill' }));
  #score = make('span', { class: 'score' });
  #url = '';

  constructor() {
    const picture = make('div', { class: 'picture' }, this.#image, this.#none);
    const foot = make('div', { class: 'foot' }, this.#bar, this.#score);
    this.element.append(picture, this.#caption, foot);
    this.#image.hidden = true;
    this.#image.addEventListener('error', () => this.#noPicture());
  }

  /** @param {ShownPair} pair */
  show({ caption, score, status, picture }) {
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

  #noPicture() {
    this.#image.hidden = true;
    this.#image.removeAttribute('src');
    say(this.#none, TEXT.noPicture);
  }
}

export class FeedElement extends HTMLElement {
  #cards = Array.from({ length: PLACES }, () => new Card());
  #next = 0;
  #list = make('ul', { class: 'cards', role: 'list' });
  #hint = make('p', { class: 'hint' }, TEXT.feedEmpty);
  #blur = make('button', { type: 'button', class: 'button small', hidden: '' });
  #blurred = false;

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.#list.append(...this.#cards.map(({ element }) => element));
    const head = make('div', { class: 'head' }, make('h2', {}, TEXT.feed), this.#hint, this.#blur);
    this.append(head, this.#list);
    this.#blur.addEventListener('click', () => {
      this.#blurred = !this.#blurred;
      this.#render();
    });
  }

  /** @param {boolean} safe whether the pool's pictures may be shown to anybody */
  set safe(safe) {
    if (!this.#blur.hidden === !safe) return;
    this.#blur.hidden = safe;
    this.#blurred = !safe;
    this.#render();
  }

  /** @param {ShownPair[]} pairs */
  show(pairs) {
    // Nobody looks: no picture needs decoding.
    if (document.hidden) return;
    if (pairs.length > 0 && this.#blur.hidden) say(this.#hint, TEXT.scale);
    for (const pair of pairs) {
      this.#cards[this.#next].show(pair);
      this.#next = (this.#next + 1) % PLACES;
    }
  }

  #render() {
    this.classList.toggle('blurred', this.#blurred);
    say(this.#blur, this.#blurred ? TEXT.feedShow : TEXT.feedHide);
    if (!this.#blur.hidden) say(this.#hint, this.#blurred ? TEXT.feedHidden : TEXT.scale);
  }
}
