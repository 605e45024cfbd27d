import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Gallery } from '../../webapp/ui/gallery.js';

const pair = (/** @type {string} */ uid, bytes = 1) => ({
  uid, pool: 'p', unit: 'u', bundle: 'b', caption: '', ids: [], status: 0, score: 0, picture: new Uint8Array(bytes),
  agent: 'dva', columns: [], values: [],
});

test('back and forth, and no further than its ends', () => {
  const gallery = new Gallery();
  const [a, b] = [pair('a'), pair('b')];
  gallery.add(a);
  gallery.add(b);
  assert.equal(gallery.beside(a, 1), b);
  assert.equal(gallery.beside(b, -1), a);
  assert.equal(gallery.beside(a, -1), null);
  assert.equal(gallery.beside(b, 1), null);
  assert.equal(gallery.beside(pair('gone'), 1), a);
});

test('it keeps so many pairs, and so many bytes', () => {
  const gallery = new Gallery();
  for (let i = 0; i < 1000; i++) gallery.add(pair(String(i)));
  assert.equal(gallery.size, 60);
  for (let i = 0; i < 20; i++) gallery.add(pair(`large ${i}`, 4 << 20));
  assert.equal(gallery.size, 12);
});

test('a removed pair is gone', () => {
  const gallery = new Gallery();
  const [a, b, c] = [pair('a'), pair('b'), pair('c')];
  for (const each of [a, b, c]) gallery.add(each);
  gallery.remove(b);
  assert.equal(gallery.beside(a, 1), c);
  assert.equal(gallery.size, 2);
});
