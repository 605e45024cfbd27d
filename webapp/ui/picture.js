// One picture's place: the picture, a word where there is none, a blur where it isn't to be seen yet.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

export class Picture {
  #none = make('span', { class: 'none' });
  #image = this.#newImage();
  #url = '';
  element = make('span', { class: 'picture' }, this.#image, this.#none);

  /** @param {boolean} blurred */
  set blurred(blurred) {
    this.element.classList.toggle('blurred', blurred);
  }

  /**
   * @param {Uint8Array<ArrayBuffer> | null} bytes of its file
   * @param {{alt: string, blurred: boolean}} how
   */
  show(bytes, { alt, blurred }) {
    this.clear();
    this.blurred = blurred;
    if (bytes === null) {
      say(this.#none, TEXT.noPicture);
      return;
    }
    this.#url = URL.createObjectURL(new Blob([bytes]));
    this.#image.src = this.#url;
    this.#image.alt = alt;
    this.#image.hidden = false;
  }

  clear() {
    // An image shows its last picture until the next is decoded: that one may need the blur still.
    const image = this.#newImage();
    this.#image.replaceWith(image);
    this.#image = image;
    URL.revokeObjectURL(this.#url);
    this.#url = '';
    say(this.#none, '');
  }

  #newImage() {
    const image = make('img', { alt: '', decoding: 'async', width: '160', height: '160', hidden: '' });
    image.addEventListener('error', () => {
      if (image !== this.#image) return;
      image.hidden = true;
      say(this.#none, TEXT.noPicture);
    });
    return image;
  }
}
