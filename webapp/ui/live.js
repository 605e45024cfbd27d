// What the page shows of the work itself: ties the feed, the charts, the large pair and the numbers to
// what the Worker tells.

import { Curtain } from './curtain.js';
import { Gallery } from './gallery.js';
import { Spreads } from './spreads.js';
import { scoreOf } from './values.js';

/** @typedef {import('../engine/wire.js').SeenBatch} SeenBatch */
/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */
/** @typedef {import('./controller.js').Controller} Controller */
/** @typedef {import('./settings.js').SettingsStore} SettingsStore */

/**
 * @typedef {object} Elements
 * @property {import('./age.js').AgeElement} age
 * @property {import('./feed.js').FeedElement} feed
 * @property {import('./numbers.js').NumbersElement} numbers
 * @property {import('./pace.js').PaceElement} pace
 * @property {import('./pair.js').PairElement} pair
 * @property {import('./spread.js').SpreadElement} spread
 */

const DRAW_EVERY_MS = 1000;

export class Live {
  #elements;
  #settings;
  #curtain = new Curtain();
  #gallery = new Gallery();
  #spreads = new Spreads();

  /**
   * @param {Controller} controller
   * @param {SettingsStore} settings
   * @param {Elements} elements
   */
  constructor(controller, settings, elements) {
    this.#elements = elements;
    this.#settings = settings;
    const { feed, pair } = elements;
    feed.curtain = this.#curtain;
    pair.around = {
      gallery: this.#gallery,
      curtain: this.#curtain,
      histogramOf: (shown) => this.#spreads.of(shown),
      reported: (shown) => this.#remove(shown),
    };
    controller.addEventListener('seen', (event) => this.#see(/** @type {CustomEvent} */ (event).detail));
    feed.addEventListener('open', (event) => {
      pair.open(/** @type {CustomEvent} */ (event).detail);
      this.#draw();
    });
    feed.addEventListener('curtain', () => this.#toggleCurtain());
    settings.addEventListener('change', () => this.#setCurtain());
    pair.addEventListener('closed', () => {
      feed.render();
      this.#draw();
    });
    this.#setCurtain();
    this.#draw();
    setInterval(() => {
      if (!document.hidden) this.#draw();
    }, DRAW_EVERY_MS);
  }

  /** @param {ReadonlySet<string>} pools whose pictures may be shown to anybody */
  set safe(pools) {
    this.#curtain.safe = pools;
    this.#elements.feed.render();
  }

  /** @param {SeenBatch} batch */
  #see(batch) {
    const { feed, numbers, pace } = this.#elements;
    numbers.add(batch.pairs);
    pace.add(batch.pairs);
    this.#spreads.add(batch, batch.scores);
    for (const shown of feed.show(batch)) this.#gallery.add(shown);
  }

  async #toggleCurtain() {
    const { showPictures } = this.#settings.value;
    if (showPictures || (await this.#elements.age.ask())) this.#settings.set({ showPictures: !showPictures });
  }

  #setCurtain() {
    this.#curtain.open = this.#settings.value.showPictures;
    this.#elements.feed.render();
  }

  /** @param {ShownPair} pair */
  #remove(pair) {
    this.#gallery.remove(pair);
    this.#elements.feed.withdraw(pair);
  }

  #draw() {
    const { pace, pair, spread } = this.#elements;
    const marked = pair.pair;
    const histogram = marked === null ? this.#spreads.latest : this.#spreads.of(marked);
    spread.show(histogram, marked && scoreOf(marked));
    pace.show();
    pair.refresh();
  }
}
