import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { PixelMaker } from '../../webapp/engine/pixels.js';

/** @type {import('../../webapp/engine/geometry.js').Preprocessing} */
const SPEC = /** @type {any} */ ({ size: 1 });

/** Answers what it is asked, unless it didn't load. */
class FakeWorker {
  /** @type {FakeWorker[]} */
  static all = [];
  static loads = true;
  #lives = FakeWorker.loads;
  /** @type {(event: {data: object}) => void} */
  onmessage = () => {};
  /** @type {(event: {message?: string, preventDefault: () => void}) => void} */
  onerror = () => {};

  constructor() {
    FakeWorker.all.push(this);
    if (!this.#lives) setTimeout(() => this.fail());
  }

  /** @param {{id: number}} request */
  postMessage({ id }) {
    const answer = { id, pixels: new Uint8Array(3), statuses: new Uint8Array(1) };
    if (this.#lives) setTimeout(() => this.onmessage({ data: answer }));
  }

  /** @param {string} [message] none: it didn't load */
  fail(message) {
    this.#lives = false;
    this.onerror({ message, preventDefault() {} });
  }

  terminate() {
    this.#lives = false;
  }
}

beforeEach(() => {
  FakeWorker.all = [];
  FakeWorker.loads = true;
  Object.assign(globalThis, { Worker: FakeWorker });
});

const passed = () => new Promise((resolve) => setTimeout(resolve, 5));

test('a Worker that did not load is begun again by the next batch', async () => {
  FakeWorker.loads = false;
  const maker = new PixelMaker(SPEC);
  await passed();
  await assert.rejects(maker.make([null]), { code: 'unreachable' });
  FakeWorker.loads = true;
  assert.equal((await maker.make([null])).statuses.length, 1);
  assert.equal(FakeWorker.all.length, 3);
});

test('a Worker that fails amid a batch fails that batch only', async () => {
  const maker = new PixelMaker(SPEC);
  const made = maker.make([null]);
  FakeWorker.all[0].fail('gone');
  await assert.rejects(made, { code: 'engine_failed', message: /gone/ });
  assert.equal((await maker.make([null])).statuses.length, 1);
});

test('once closed, nothing is made any more', async () => {
  const maker = new PixelMaker(SPEC);
  const made = maker.make([null]);
  maker.close();
  await assert.rejects(made, { code: 'engine_failed' });
  await assert.rejects(maker.make([null]), { code: 'engine_failed' });
  assert.equal(FakeWorker.all.length, 1);
});
