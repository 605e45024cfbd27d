// <dva-consent>: what would run, what it costs and what is kept, before the first start.

import { make } from './dom.js';
import { bytes } from './format.js';
import { licenceOf } from './licence.js';
import { modelBytes } from './model.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').Manifest} Manifest */
/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */

/** Python, its library and onnxruntime, as they come over the wire (docs/decisions/0008-the-tab.md). */
const PROGRAM_BYTES = 11e6;

/**
 * @typedef {object} Subject
 * @property {PoolStatus | null} pool null: the server has none
 * @property {Manifest | null} manifest
 * @property {string} mirror host that the model comes from; empty: the server
 * @property {string} pictures hosts that the pictures come from; empty: the server
 */

export class ConsentElement extends HTMLElement {
  #title = make('h2', { id: 'consent-title', tabindex: '-1' });
  #facts = make('dl', { class: 'consent-facts' });
  #agree = make('button', { type: 'button', class: 'button primary', value: 'agree' }, TEXT.agree);
  #close = make('button', { type: 'button', class: 'button', value: '' });
  #dialog = make('dialog', { class: 'sheet', 'aria-labelledby': 'consent-title' });

  connectedCallback() {
    if (this.firstChild !== null) return;
    const buttons = make('div', { class: 'buttons' }, this.#agree, this.#close);
    const lead = make('p', { class: 'hint' }, TEXT.consentLead);
    this.#dialog.append(this.#title, lead, this.#facts, buttons);
    this.append(this.#dialog);
    for (const button of [this.#agree, this.#close]) {
      button.addEventListener('click', () => this.#dialog.close(button.value));
    }
  }

  /**
   * @param {Subject} subject
   * @param {{again: boolean}} how `again`: something else was agreed to before
   * @returns {Promise<boolean>} whether the person agreed
   */
  ask(subject, { again }) {
    return this.#show(subject, again ? TEXT.consentAgain : TEXT.consentTitle, true);
  }

  /** @param {Subject} subject to be read again */
  async read(subject) {
    await this.#show(subject, TEXT.readConsent, false);
  }

  /**
   * @param {Subject} subject
   * @param {string} title
   * @param {boolean} asks
   * @returns {Promise<boolean>}
   */
  #show(subject, title, asks) {
    if (this.#dialog.open) return Promise.resolve(false);
    this.#title.replaceChildren(title);
    this.#facts.replaceChildren(...factsOf(subject));
    this.#agree.hidden = !asks;
    this.#close.replaceChildren(asks ? TEXT.notNow : TEXT.close);
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    // What is to be read comes before what is to be pressed.
    this.#title.focus();
    this.#dialog.scrollTop = 0;
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => resolve(this.#dialog.returnValue === 'agree'), { once: true });
    });
  }
}

/**
 * @param {Subject} subject
 * @returns {HTMLElement[]}
 */
function factsOf({ pool, manifest, mirror, pictures }) {
  const pair = pool === null || pool.pairs === 0 ? null : bytes(pool.bytes / pool.pairs);
  const model = manifest === null || !pool?.needs.includes('model') ? null : bytes(modelBytes(manifest));
  const program = bytes(PROGRAM_BYTES);
  const readsCaptions = model === null && pool !== null && !pool.needs.includes('images');
  const data = readsCaptions ? TEXT.consentDataCaptions(program) : TEXT.consentDataText(model, program, pair);
  const facts = [
    fact(TEXT.consentRuns, runsText(pool, manifest, model)),
    fact(
      TEXT.consentData,
      data,
      ...(mirror === '' ? [] : [TEXT.consentMirror(mirror)]),
      ...(pictures === '' ? [] : [TEXT.consentBucket(pictures)]),
    ),
    fact(TEXT.consentPower, TEXT.consentPowerText),
    fact(TEXT.consentKept, TEXT.consentKeptServer, TEXT.consentKeptHere),
  ];
  if (pool !== null && !pool.safe) facts.push(fact(TEXT.consentPictures, TEXT.consentPicturesText));
  if (pool !== null && manifest !== null) facts.push(fact(TEXT.consentLicences, ...licencesOf(pool, manifest)));
  return facts;
}

/**
 * @param {PoolStatus | null} pool
 * @param {Manifest | null} manifest
 * @param {string | null} size of the model; null: none is needed
 */
function runsText(pool, manifest, size) {
  if (pool === null || manifest === null) return TEXT.consentNoModel;
  return size === null ? TEXT.consentRunsAlone(pool.agent) : TEXT.consentRunsText(manifest.name, size);
}

/**
 * @param {PoolStatus} pool
 * @param {Manifest} manifest
 * @returns {Node[]}
 */
function licencesOf(pool, { licence }) {
  const by = (/** @type {string} */ attribution) => (attribution === '' ? '' : `, ${attribution}`);
  const { name, text } = licenceOf(licence, pool.bundle_url);
  return [
    make('p', {}, `${TEXT.consentModelLicence} `, name, by(licence.attribution)),
    text,
    make('p', {}, `${TEXT.consentPoolLicence} ${pool.licence}${by(pool.attribution)}`),
  ];
}

/**
 * @param {string} term
 * @param {...(string | Node)} paragraphs
 */
function fact(term, ...paragraphs) {
  const texts = paragraphs.map((text) => (typeof text === 'string' ? make('p', {}, text) : text));
  return make('div', {}, make('dt', {}, term), make('dd', {}, ...texts));
}
