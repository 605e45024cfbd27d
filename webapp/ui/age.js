// <dva-age>: asks once before pictures are shown that nobody has checked.

import { make } from './dom.js';
import { TEXT } from './text.js';

export class AgeElement extends HTMLElement {
  #dialog = make('dialog', { class: 'sheet', 'aria-labelledby': 'age-title' });

  connectedCallback() {
    if (this.firstChild !== null) return;
    const yes = make('button', { type: 'button', class: 'button primary', value: 'yes' }, TEXT.ageYes);
    const no = make('button', { type: 'button', class: 'button', value: '' }, TEXT.ageNo);
    for (const button of [yes, no]) button.addEventListener('click', () => this.#dialog.close(button.value));
    const title = make('h2', { id: 'age-title' }, TEXT.ageTitle);
    const buttons = make('div', { class: 'buttons' }, yes, no);
    this.#dialog.append(title, make('p', {}, TEXT.ageText), buttons);
    this.append(this.#dialog);
  }

  /** @returns {Promise<boolean>} whether the person wants to see them, and is old enough */
  async ask() {
    this.#dialog.returnValue = '';
    this.#dialog.showModal();
    await new Promise((resolve) => this.#dialog.addEventListener('close', resolve, { once: true }));
    return this.#dialog.returnValue === 'yes';
  }
}
