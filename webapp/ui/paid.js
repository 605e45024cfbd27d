// <dva-paid>: an address for payouts outside, and the proof of what a closed epoch says of one's credit.

import { make, say } from './dom.js';
import { count, day } from './format.js';
import { addressOf } from './payouts.js';
import { TEXT } from './text.js';
import { wordsFor } from './wording.js';

/** @typedef {import('./payouts.js').Payouts} Payouts */
/** @typedef {import('./phrase-entry.js').PhraseEntryElement} PhraseEntryElement */
/** @typedef {import('./server-types.js').CreditProof} CreditProof */

const LONGEST = '128';
const SAVED_WITHIN_MS = 60_000;

export class PaidElement extends HTMLElement {
  #details = make('details');
  #said = make('p', { class: 'said', role: 'status' });
  #where = make('p', { class: 'hint', id: 'paid-where' });
  #wrong = make('p', { class: 'wrong', id: 'paid-wrong', role: 'alert' });
  #address = make('input', {
    type: 'text', id: 'paid-address', maxlength: LONGEST, spellcheck: 'false', autocomplete: 'off',
    autocapitalize: 'none', translate: 'no', 'aria-describedby': 'paid-where paid-wrong',
  });
  #save = make('button', { type: 'submit', class: 'button small' }, TEXT.paidSave);
  #none = make('button', { type: 'button', class: 'button small' }, TEXT.paidNone);
  #form = make('form', { class: 'name', novalidate: '' });
  #closed = make('p', { class: 'hint', id: 'paid-closed' });
  #epoch = make('input', { type: 'number', id: 'paid-epoch', min: '1', step: '1', 'aria-describedby': 'paid-closed' });
  #download = make('button', { type: 'submit', class: 'button small' }, TEXT.proofDownload);
  #proving = make('form', { class: 'name', novalidate: '' });
  /** @type {Payouts | null} */
  #payouts = null;
  /** @type {PhraseEntryElement | null} */
  #entry = null;
  /** @type {string | null} that the server has */
  #kept = null;
  /** @type {CreditProof | null} of the latest epoch that this account is in */
  #latest = null;
  /** What the server said is known. */
  #known = false;
  #busy = false;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const where = make('label', { for: 'paid-address' }, TEXT.paidAddress);
    const which = make('label', { for: 'paid-epoch' }, TEXT.proofEpoch);
    this.#form.append(where, this.#address, this.#wrong, make('div', { class: 'buttons' }, this.#save, this.#none));
    this.#proving.append(which, this.#epoch, make('div', { class: 'buttons' }, this.#download));
    const columns = [
      make('section', {}, make('h2', {}, TEXT.paidTitle), this.#where, this.#form),
      make('section', {}, make('h2', {}, TEXT.proofTitle), make('p', { class: 'hint' }, TEXT.proofHow), this.#closed, this.#proving),
    ].map((section) => make('div', {}, section));
    const summary = make('summary', {}, TEXT.paid, make('span', { class: 'hint' }, TEXT.paidSummary));
    this.#details.append(summary, this.#said, make('div', { class: 'settings you' }, ...columns));
    this.append(this.#details);
    this.#details.addEventListener('toggle', () => this.#look());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#attach();
    });
    this.#none.addEventListener('click', () => this.#keep(null));
    this.#proving.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#prove();
    });
  }

  /**
   * @param {Payouts} payouts
   * @param {PhraseEntryElement} entry
   */
  bind(payouts, entry) {
    this.#payouts = payouts;
    this.#entry = entry;
    this.#render();
  }

  /** Asks the server, whenever the panel is opened. */
  async #look() {
    if (!this.#details.open) return;
    this.#known = false;
    await this.#act(async (payouts) => {
      if (!payouts.isKnown) return '';
      [this.#kept, this.#latest] = await Promise.all([payouts.address(), payouts.proof(null)]);
      this.#known = true;
      this.#address.value = this.#kept ?? '';
      this.#epoch.value = String(this.#latest?.epoch ?? '');
      return '';
    });
  }

  #render() {
    const isKnown = this.#payouts?.isKnown ?? false;
    for (const control of [this.#address, this.#save]) control.disabled = !this.#known;
    this.#none.disabled = !this.#known || this.#kept === null;
    this.#proving.hidden = this.#latest === null;
    this.#epoch.max = String(this.#latest?.epoch ?? '');
    say(this.#where, isKnown ? TEXT.paidWhere(this.#kept) : TEXT.paidLater);
    say(this.#closed, closed(this.#known, this.#latest));
  }

  async #attach() {
    const address = addressOf(this.#address.value);
    say(this.#wrong, address === null ? TEXT.paidWrong : '');
    if (address === null) this.#address.focus();
    else await this.#keep(address);
  }

  /** @param {string | null} address */
  async #keep(address) {
    const phrase = this.#payouts?.phrase ?? (await this.#entry?.ask(TEXT.paidPhrase, TEXT.phraseNeeded));
    if (phrase == null) return;
    await this.#act(async (payouts) => {
      await payouts.attach(address, phrase);
      this.#kept = address;
      this.#address.value = address ?? '';
      return address === null ? TEXT.paidGone : TEXT.paidSaved;
    });
  }

  async #prove() {
    const epoch = this.#epoch.valueAsNumber;
    if (!Number.isInteger(epoch) || epoch < 1) {
      say(this.#said, TEXT.proofWrong);
      this.#epoch.focus();
      return;
    }
    await this.#act(async (payouts) => {
      const proof = await payouts.proof(epoch);
      if (proof === null) return TEXT.proofNone(epoch);
      save(`epoch-${epoch}.proof.json`, `${JSON.stringify(proof, null, 2)}\n`);
      return TEXT.proofSaved;
    });
  }

  /** @param {(payouts: Payouts) => Promise<string>} action resolves to what to say of it */
  async #act(action) {
    const payouts = this.#payouts;
    if (payouts === null || this.#busy) return;
    this.#busy = true;
    say(this.#said, '');
    try {
      say(this.#said, await action(payouts));
    } catch (error) {
      console.warn(error);
      say(this.#said, wordsFor(error));
    }
    this.#busy = false;
    this.#render();
  }
}

/**
 * @param {boolean} known
 * @param {CreditProof | null} latest
 */
function closed(known, latest) {
  if (!known) return '';
  return latest === null ? TEXT.proofNoneYet : TEXT.proofLatest(count(latest.epoch), day(new Date(latest.closed_at)));
}

/**
 * As a download.
 * @param {string} name
 * @param {string} text
 */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), SAVED_WITHIN_MS);
}
