// <dva-phrase-entry>: asks for a recovery phrase, and says what is wrong with what was typed.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

export class PhraseEntryElement extends HTMLElement {
  #title = make('h2', { id: 'phrase-entry-title' });
  #lead = make('p', { class: 'hint', id: 'phrase-entry-lead' });
  #text = make('textarea', {
    id: 'phrase-entry', rows: '3', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'none',
    translate: 'no', 'aria-describedby': 'phrase-entry-lead phrase-entry-wrong',
  });
  #wrong = make('p', { class: 'wrong', id: 'phrase-entry-wrong', role: 'alert' });
  #cancel = make('button', { type: 'button', class: 'button' }, TEXT.phraseCancel);
  #form = make('form');
  #dialog = make('dialog', { class: 'sheet', 'aria-labelledby': 'phrase-entry-title' });
  /** What was typed, once it is one. @type {string | null} */
  #phrase = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const label = make('label', { for: 'phrase-entry' }, TEXT.phraseEnter);
    const send = make('button', { type: 'submit', class: 'button primary' }, TEXT.phraseUse);
    const buttons = make('div', { class: 'buttons' }, send, this.#cancel);
    this.#form.append(label, this.#text, this.#wrong, buttons);
    this.#dialog.append(this.#title, this.#lead, this.#form);
    this.append(this.#dialog);
    this.#cancel.addEventListener('click', () => this.#dialog.close());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#read();
    });
  }

  /**
   * @param {string} title
   * @param {string} lead what it is needed for
   * @returns {Promise<string | null>} null: the person has thought better of it
   */
  ask(title, lead) {
    this.#title.replaceChildren(title);
    this.#lead.replaceChildren(lead);
    this.#phrase = null;
    this.#text.value = '';
    say(this.#wrong, '');
    this.#dialog.showModal();
    this.#text.focus();
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => {
        // Not to be read off the page later.
        this.#text.value = '';
        resolve(this.#phrase);
        this.#phrase = null;
      }, { once: true });
    });
  }

  async #read() {
    const { readPhrase } = await import('../identity/phrase.js');
    const { phrase, unknown } = readPhrase(this.#text.value);
    if (phrase !== null) {
      this.#phrase = phrase;
      this.#dialog.close();
      return;
    }
    say(this.#wrong, unknown.length > 0 ? TEXT.phraseUnknown(unknown) : TEXT.phraseWrong);
    this.#text.focus();
  }
}
