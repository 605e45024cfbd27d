// <dva-model>: the pool's model, and its way here.

import { LADDER, filesOf } from '../engine/rungs.js';
import { make, say } from './dom.js';
import { bytes } from './format.js';
import { Rate } from './rate.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').Manifest} Manifest */
/** @typedef {import('../engine/model-files.js').Progress} Progress */

const WINDOW_S = 5;
const NEED_S = 0.5;

/**
 * @param {Manifest} manifest
 * @returns {number} what a tab downloads of a bundle at its first start: of its largest rung, since which
 *   one will do is not known yet
 */
export function modelBytes(manifest) {
  return Math.max(...LADDER.map((rung) => filesOf(manifest, rung).reduce((sum, file) => sum + file.bytes, 0)));
}

export class ModelElement extends HTMLElement {
  #name = make('p', { class: 'name' });
  #bar = make('progress', { max: '1', value: '0', 'aria-label': TEXT.modelProgress });
  #state = make('p', { class: 'hint' });
  #licence = make('p', { class: 'hint' });
  #rate = new Rate({ windowS: WINDOW_S, needS: NEED_S });
  /** @type {Progress | null} */
  #last = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.append(make('h2', {}, TEXT.model), this.#name, this.#bar, this.#state, this.#licence);
  }

  /**
   * @param {Manifest} manifest
   * @param {string} bundleUrl
   */
  set(manifest, bundleUrl) {
    const size = modelBytes(manifest);
    this.#bar.hidden = false;
    say(this.#name, TEXT.modelSize(manifest.name, bytes(size)));
    if (this.#last === null) say(this.#state, TEXT.modelWaits(bytes(size)));
    const { licence } = manifest;
    const link = make('a', { href: bundleUrl + licence.path }, licence.name);
    const rest = licence.attribution === '' ? [] : [` · ${licence.attribution}`];
    this.#licence.replaceChildren(`${TEXT.modelLicence}: `, link, ...rest);
  }

  /** The pool's work needs no model. */
  unset() {
    this.#bar.hidden = true;
    say(this.#name, TEXT.modelNotNeeded);
    say(this.#state, TEXT.modelNotNeededText);
    this.#licence.replaceChildren();
  }

  /** The server doesn't hand the model out. */
  keepBack() {
    this.#bar.hidden = true;
    say(this.#name, TEXT.modelKeptBack);
    say(this.#state, TEXT.modelKeptBackText);
    this.#licence.replaceChildren();
  }

  /** How far the download is, in words; empty when there is none under way. */
  get loading() {
    const last = this.#last;
    return last === null || last.bytes >= last.total ? '' : (this.#state.textContent ?? '');
  }

  /** @param {Progress} progress */
  show(progress) {
    if (progress === this.#last) return;
    const { bytes: done, total, kept } = progress;
    const now = performance.now() / 1000;
    if (this.#last === null || done < this.#last.bytes) this.#rate.restart();
    // What comes out of storage says nothing about the connection.
    else if (kept === this.#last.kept) this.#rate.add(done - this.#last.bytes, now);
    this.#last = progress;
    this.#bar.value = total === 0 ? 1 : done / total;
    if (done >= total) {
      say(this.#state, kept === total ? TEXT.modelKept(total) : TEXT.modelHere(total));
      return;
    }
    const rate = this.#rate.perSecond(now);
    const left = rate === null || rate === 0 ? null : (total - done) / rate;
    say(this.#state, TEXT.modelLoading(done, total, rate, left));
  }
}
