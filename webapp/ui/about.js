// <dva-about>: what this model is good for, what is kept and sent, whose work runs here.

import { make, say } from './dom.js';
import { LANGUAGE } from './language.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').Manifest} Manifest */

const LICENCES = new URL('../licences/README.txt', import.meta.url).href;

export class AboutElement extends HTMLElement {
  #model = make('section', { hidden: '' });
  #stored = make('p', {}, TEXT.stored('', ''));

  connectedCallback() {
    if (this.firstChild !== null) return;
    const licences = make('p', {}, make('a', { href: LICENCES }, TEXT.licences));
    const status = make('p', {}, make('a', { href: `/status?lang=${LANGUAGE}` }, TEXT.serverStatus));
    const tests = make('p', {}, make('a', { href: '/selftests' }, TEXT.selfTests));
    this.append(this.#model, make('section', {}, this.#stored, status, tests, licences));
  }

  /**
   * @param {Manifest} manifest
   * @param {string} mirror host that the model comes from; empty: the server
   * @param {string} pictures hosts that the pictures come from; empty: the server
   */
  set({ demo, name, about }, mirror, pictures) {
    say(this.#stored, TEXT.stored(mirror, pictures));
    this.#model.hidden = false;
    const title = make('h2', {}, demo ? TEXT.demoTitle : TEXT.realTitle(name));
    if (!demo) {
      this.#model.replaceChildren(title, make('p', {}, about));
      return;
    }
    const commands = make('pre', { tabindex: '0' }, make('code', {}, TEXT.demoCommands.join('\n')));
    const paragraphs = [TEXT.demoText, TEXT.demoNext].map((text) => make('p', {}, text));
    this.#model.replaceChildren(title, ...paragraphs, commands);
  }
}
