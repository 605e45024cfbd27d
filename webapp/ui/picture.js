// One picture's place: the picture, a word where there is none, a blur where it isn't to be seen yet.
//
// It is drawn on a canvas, which is as big as its place however big the file is. An <img> would leave
// each picture, decoded, in the browser's cache, five minutes after its turn: that came to 75 MB of
// emoji, and would be as much of photographs as the browser allows.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/**
 * @typedef {object} How
 * @property {string} alt what is said of it, "" for nothing
 * @property {boolean} blurred
 */

/**
 * @param {Uint8Array<ArrayBuffer> | null} bytes of a picture's file
 * @returns {Promise<ImageBitmap | null>} null where there is none, or none that can be shown
 */
export async function decode(bytes) {
  return bytes && createImageBitmap(new Blob([bytes])).catch(() => null);
}

export class Picture {
  #none = make('span', { class: 'none' });
  #canvas = make('canvas', { hidden: '' });
  #side;
  /** Counts what has been shown: a picture that is decoded after its turn isn't drawn. */
  #turn = 0;
  element = make('span', { class: 'picture' }, this.#canvas, this.#none);

  /** @param {number} side as which it is drawn at most, in pixels of the screen */
  constructor(side) {
    this.#side = side;
  }

  /** @param {boolean} blurred */
  set blurred(blurred) {
    this.element.classList.toggle('blurred', blurred);
  }

  /**
   * Nothing is to be seen until it is decoded.
   * @param {Uint8Array<ArrayBuffer> | null} bytes of its file
   * @param {How} how
   */
  async show(bytes, how) {
    this.clear();
    const turn = this.#turn;
    this.blurred = how.blurred;
    const bitmap = await decode(bytes);
    if (turn === this.#turn) this.put(bitmap, how);
    else bitmap?.close();
  }

  /**
   * At once, in the stead of what was there.
   * @param {ImageBitmap | null} bitmap closed afterwards
   * @param {How} how
   */
  put(bitmap, { alt, blurred }) {
    this.clear();
    this.blurred = blurred;
    if (bitmap === null) {
      say(this.#none, TEXT.noPicture);
      return;
    }
    if (alt !== '') {
      this.#canvas.role = 'img';
      this.#canvas.ariaLabel = alt;
    }
    this.#paint(bitmap);
    bitmap.close();
  }

  clear() {
    this.#turn++;
    this.#canvas.hidden = true;
    this.#canvas.role = this.#canvas.ariaLabel = null;
    // Nothing of it is to be seen before the next is there: that one may need the blur still.
    this.#canvas.width = this.#canvas.height = 0;
    say(this.#none, '');
  }

  /** @param {ImageBitmap} bitmap */
  #paint(bitmap) {
    const canvas = this.#canvas;
    const scale = Math.min(1, this.#side / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    canvas.hidden = false;
  }
}
