// <dva-phrase>: shows the recovery phrase, and checks by two of its words that it is written down.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

const CHECKED = 2;

export class PhraseElement extends HTMLElement {
  #title = make('h2', { id: 'phrase-title', tabindex: '-1' }, TEXT.phraseTitle);
  #words = make('ol', { class: 'words', translate: 'no' });
  #copy = make('button', { type: 'button', class: 'button' }, TEXT.phraseCopy);
  #written = make('button', { type: 'button', class: 'button primary' }, TEXT.phraseWritten);
  #close = make('button', { type: 'button', class: 'button' }, TEXT.close);
  #shown = make('div', { class: 'sheet-text' });
  #fields = make('div', { class: 'word-fields' });
  #wrong = make('p', { class: 'wrong', role: 'alert' });
  #back = make('button', { type: 'button', class: 'button' }, TEXT.phraseBack);
  #form = make('form', { class: 'sheet-text', hidden: '' });
  #dialog = make('dialog', { class: 'sheet', 'aria-labelledby': 'phrase-title' });
  /** @type {readonly string[]} */
  #phrase = [];
  /** Which words are asked for. @type {number[]} */
  #asked = [];

  connectedCallback() {
    if (this.firstChild !== null) return;
    const lead = [TEXT.phraseLead, TEXT.phraseSecret].map((text) => make('p', {}, text));
    this.#shown.append(...lead, this.#words, make('div', { class: 'buttons' }, this.#written, this.#copy, this.#close));
    const check = make('button', { type: 'submit', class: 'button primary' }, TEXT.phraseCheck);
    const buttons = make('div', { class: 'buttons' }, check, this.#back);
    this.#form.append(make('p', {}, TEXT.phraseCheckLead), this.#fields, this.#wrong, buttons);
    this.#dialog.append(this.#title, this.#shown, this.#form);
    this.append(this.#dialog);
    this.#copy.addEventListener('click', () => this.#copied());
    this.#close.addEventListener('click', () => this.#dialog.close());
    this.#written.addEventListener('click', () => this.#check(true));
    this.#back.addEventListener('click', () => this.#check(false));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#answer();
    });
  }

  /**
   * @param {string} phrase
   * @returns {Promise<boolean>} whether the person has shown that it is written down
   */
  show(phrase) {
    this.#phrase = phrase.split(' ');
    this.#words.replaceChildren(...this.#phrase.map((word) => make('li', {}, word)));
    say(this.#copy, TEXT.phraseCopy);
    this.#check(false);
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    this.#title.focus();
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => {
        this.#phrase = [];
        this.#words.replaceChildren();
        this.#fields.replaceChildren();
        resolve(this.#dialog.returnValue === 'written');
      }, { once: true });
    });
  }

  /** @param {boolean} checking else the words are shown */
  #check(checking) {
    this.#shown.hidden = checking;
    this.#form.hidden = !checking;
    say(this.#wrong, '');
    if (!checking) return;
    this.#asked = some(CHECKED, this.#phrase.length);
    this.#fields.replaceChildren(...this.#asked.map((place) => {
      const input = make('input', { type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' });
      return make('label', {}, `${TEXT.phraseWord(place + 1)} `, input);
    }));
    this.#fields.querySelector('input')?.focus();
  }

  #answer() {
    const typed = [...this.#fields.querySelectorAll('input')].map(({ value }) => value.trim().toLowerCase());
    if (this.#asked.every((place, i) => typed[i] === this.#phrase[place])) this.#dialog.close('written');
    else say(this.#wrong, TEXT.phraseCheckWrong);
  }

  async #copied() {
    try {
      await navigator.clipboard.writeText(this.#phrase.join(' '));
      say(this.#copy, TEXT.phraseCopied);
    } catch (error) {
      console.warn(error);
      say(this.#copy, TEXT.phraseCopyRefused);
    }
  }
}

/**
 * @param {number} wanted
 * @param {number} all
 * @returns {number[]} different numbers below `all`, in order
 */
function some(wanted, all) {
  /** @type {Set<number>} */
  const found = new Set();
  while (found.size < Math.min(wanted, all)) found.add(Math.floor(Math.random() * all));
  return [...found].sort((a, b) => a - b);
}
