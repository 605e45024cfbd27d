// <dva-ask>: asks before something that can't be undone.

import { make } from './dom.js';

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {readonly string[]} paragraphs
 * @property {string} yes
 * @property {string} no
 */

export class AskElement extends HTMLElement {
  #title = make('h2', { id: 'ask-title', tabindex: '-1' });
  #text = make('div', { class: 'sheet-text' });
  #yes = make('button', { type: 'button', class: 'button danger', value: 'yes' });
  #no = make('button', { type: 'button', class: 'button', value: '' });
  #dialog = make('dialog', { class: 'sheet', 'aria-labelledby': 'ask-title' });

  connectedCallback() {
    if (this.firstChild !== null) return;
    this.#dialog.append(this.#title, this.#text, make('div', { class: 'buttons' }, this.#yes, this.#no));
    this.append(this.#dialog);
    for (const button of [this.#yes, this.#no]) {
      button.addEventListener('click', () => this.#dialog.close(button.value));
    }
  }

  /**
   * @param {Question} question
   * @returns {Promise<boolean>}
   */
  ask({ title, paragraphs, yes, no }) {
    this.#title.replaceChildren(title);
    this.#text.replaceChildren(...paragraphs.map((text) => make('p', {}, text)));
    this.#yes.replaceChildren(yes);
    this.#no.replaceChildren(no);
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    // What is to be read comes before what is to be pressed.
    this.#title.focus();
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => resolve(this.#dialog.returnValue === 'yes'), { once: true });
    });
  }
}
