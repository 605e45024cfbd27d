// <dva-pair>: one pair large, in a dialog: its picture, its caption as it stood, the tokens that the
// model saw, its score and where that stands. Arrow keys go to the pairs shown before and after.

import { make, say } from './dom.js';
import { Picture } from './picture.js';
import { ReportForm } from './report-form.js';
import { SpreadChart } from './spread-chart.js';
import { TEXT } from './text.js';
import { Tokens } from './tokens.js';
import { isFit, scoreOf, valuesOf } from './values.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */
/** @typedef {import('./curtain.js').Curtain} Curtain */
/** @typedef {import('./gallery.js').Gallery} Gallery */
/** @typedef {import('./histogram.js').Histogram} Histogram */

/**
 * @typedef {object} Around what a pair stands among
 * @property {Gallery} gallery
 * @property {Curtain} curtain
 * @property {(pair: ShownPair) => Histogram} histogramOf
 * @property {(pair: ShownPair) => void} reported
 */

/** Of its picture, in pixels of the screen: what the dialog has room for, on a sharp one. */
const SIDE = 1280;

export class PairElement extends HTMLElement {
  #dialog = make('dialog', { class: 'pair', 'aria-labelledby': 'pair-title' });
  #picture = new Picture(SIDE);
  #seen = make('div', { class: 'seen' });
  #reveal = make('button', { type: 'button', class: 'button reveal' }, TEXT.pairReveal);
  #caption = make('blockquote', { class: 'whole', tabindex: '0' });
  #score = make('p', { class: 'large' });
  #rank = make('p', { class: 'rank' });
  #chart = new SpreadChart(TEXT.spreadChart);
  #figure = make('figure', { class: 'chart' }, this.#chart.plot, this.#chart.axis);
  #scored = make('section');
  #tokens = new Tokens();
  #facts = make('dl', { class: 'facts' });
  #previous = make('button', { type: 'button', class: 'button small' }, `← ${TEXT.pairPrevious}`);
  #next = make('button', { type: 'button', class: 'button small' }, `${TEXT.pairNext} →`);
  #report = new ReportForm((pair) => this.#reported(pair));
  /** @type {Around | null} */
  #around = null;
  /** @type {ShownPair | null} */
  #pair = null;

  /** @param {import('./session.js').Session} session that a report is sent in */
  set session(session) {
    this.#report.session = session;
  }

  connectedCallback() {
    if (this.firstChild !== null) return;
    const close = make('button', { type: 'button', class: 'button small close' }, TEXT.pairClose);
    const title = make('h2', { id: 'pair-title' }, TEXT.pairTitle);
    const way = make('div', { class: 'buttons' }, this.#previous, this.#next, close);
    this.#seen.append(this.#picture.element, this.#reveal);
    const caption = make('section', {}, make('h3', {}, TEXT.pairCaption), this.#caption, this.#tokens.element);
    this.#scored.append(make('h3', {}, TEXT.pairScore), this.#score, this.#rank, this.#figure);
    const told = make('div', { class: 'told' }, caption, this.#scored, this.#facts, this.#report.element);
    this.#dialog.append(make('header', {}, title, way), make('div', { class: 'body' }, this.#seen, told));
    this.append(this.#dialog);
    close.addEventListener('click', () => this.#dialog.close());
    this.#previous.addEventListener('click', () => this.#go(-1));
    this.#next.addEventListener('click', () => this.#go(1));
    this.#reveal.addEventListener('click', () => this.#lift());
    this.#dialog.addEventListener('keydown', (event) => this.#key(event));
    this.#dialog.addEventListener('click', (event) => {
      // The backdrop is the dialog's own; everything else is inside of it.
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => this.#forget());
  }

  /** @param {Around} around */
  set around(around) {
    this.#around = around;
  }

  /** The pair that is open. */
  get pair() {
    return this.#pair;
  }

  /** @param {ShownPair} pair */
  open(pair) {
    this.#show(pair);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** More has been scored: it stands elsewhere among all, and there may be a next. */
  refresh() {
    const pair = this.#pair;
    const around = this.#around;
    if (pair === null || around === null) return;
    this.#setWay(this.#previous, around.gallery.beside(pair, -1) !== null);
    this.#setWay(this.#next, around.gallery.beside(pair, 1) !== null);
    const score = scoreOf(pair);
    if (score === null) return;
    const histogram = around.histogramOf(pair);
    say(this.#rank, TEXT.pairRank(histogram.shareBelow(score), histogram.count));
    this.#chart.show(histogram.bars(), score);
  }

  /** @param {ShownPair} pair */
  #show(pair) {
    this.#pair = pair;
    const { caption, status, pool, unit, uid, picture } = pair;
    const score = scoreOf(pair);
    const fits = isFit(pair) || score === null;
    const blurred = this.#around?.curtain.hides(pair) ?? true;
    this.#picture.show(picture, { alt: TEXT.picture(caption), blurred });
    this.#reveal.hidden = !blurred || picture === null;
    this.#seen.hidden = picture === null && !fits;
    say(this.#caption, caption || TEXT.noCaption);
    this.#caption.classList.toggle('none', caption === '');
    this.#tokens.element.hidden = false;
    this.#tokens.show(pair);
    say(this.#score, score === null ? TEXT.pairNoScore(TEXT.status(status)) : TEXT.score(score));
    this.#score.classList.toggle('none', score === null);
    this.#scored.hidden = !fits;
    this.#rank.hidden = this.#figure.hidden = score === null;
    const facts = [
      ...(fits ? [] : valuesOf(pair)),
      [TEXT.pairStatus, TEXT.status(status)],
      [TEXT.pairPool, pool],
      [TEXT.pairUnit, unit],
      [TEXT.pairUid, uid],
    ].map(([label, value]) => make('div', {}, make('dt', {}, label), make('dd', {}, value)));
    this.#facts.replaceChildren(...facts);
    this.#report.show(pair);
    this.refresh();
  }

  /** @param {1 | -1} step */
  #go(step) {
    const next = this.#pair && this.#around?.gallery.beside(this.#pair, step);
    if (next) this.#show(next);
  }

  /**
   * Whoever works by keyboard keeps the focus at an end too: the button is only said to be off.
   * @param {HTMLButtonElement} button
   * @param {boolean} able
   */
  #setWay(button, able) {
    button.ariaDisabled = String(!able);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target } = event;
    // In a list of reasons arrows choose, in a long caption they scroll sideways.
    if (target instanceof HTMLSelectElement || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') this.#go(-1);
    else if (event.key === 'ArrowRight') this.#go(1);
    else return;
    event.preventDefault();
  }

  #lift() {
    if (this.#pair === null) return;
    this.#around?.curtain.lift(this.#pair);
    this.#picture.blurred = false;
    this.#reveal.hidden = true;
    this.#next.focus();
  }

  /** @param {ShownPair} pair */
  #reported(pair) {
    this.#around?.reported(pair);
    if (pair !== this.#pair) return;
    this.#picture.clear();
    say(this.#caption, '');
    this.#tokens.element.hidden = true;
    this.#reveal.hidden = true;
  }

  #forget() {
    this.#pair = null;
    this.#picture.clear();
    this.dispatchEvent(new Event('closed'));
  }
}
