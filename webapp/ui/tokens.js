// A caption's tokens as the model saw them: each piece of text with its id.

import { make } from './dom.js';
import { Pieces } from './pieces.js';
import { merges } from './server.js';
import { TEXT } from './text.js';

/** @typedef {import('./pieces.js').Piece} Piece */

const ID_ONLY = Object.freeze({ text: '', endsWord: false, special: false });

export class Tokens {
  element = make('details', { class: 'tokens' });
  #summary = make('summary');
  #list = make('ol', { class: 'pieces', role: 'list' });
  /** By bundle. @type {Map<string, Promise<Pieces>>} */
  #pieces = new Map();

  constructor() {
    this.element.append(this.#summary, this.#list);
  }

  /**
   * Ids at once; their text when the bundle's merges are here, unless another pair is shown by then.
   * @param {{ids: number[], bundle: string}} pair
   */
  async show({ ids, bundle }) {
    this.#summary.textContent = ids.length === 0 ? TEXT.pairNoTokens : TEXT.pairTokens(ids.length);
    const items = ids.map((id, i) => itemFor(id, ID_ONLY, i));
    this.#list.replaceChildren(...items);
    if (ids.length === 0) return;
    try {
      const pieces = await this.#piecesOf(bundle);
      if (this.#list.firstChild !== items[0]) return;
      this.#list.replaceChildren(...ids.map((id, i) => itemFor(id, pieces.of(id), i)));
    } catch (error) {
      // The ids stand there. Next time the server may answer.
      console.warn(error);
      this.#pieces.delete(bundle);
    }
  }

  /** @param {string} bundle */
  #piecesOf(bundle) {
    const known = this.#pieces.get(bundle) ?? merges(bundle).then((text) => new Pieces(text));
    this.#pieces.set(bundle, known);
    return known;
  }
}

/**
 * @param {number} id
 * @param {Piece} piece
 * @param {number} index
 */
function itemFor(id, { text, endsWord, special }, index) {
  const name = index === 0 ? TEXT.pairTokenStart : TEXT.pairTokenEnd;
  const item = make('li', { class: 'piece' }, make('span', { class: 'text' }, special ? name : text));
  item.classList.toggle('special', special);
  item.classList.toggle('ends', endsWord);
  item.append(make('span', { class: 'id' }, String(id)));
  return item;
}
