import assert from 'node:assert/strict';
import { test } from 'node:test';

import { History } from '../../webapp/ui/history.js';

const SETTINGS = { stepS: 5, steps: 4 };

test('whole steps only, and nothing before the first whole one', () => {
  const history = new History(SETTINGS);
  assert.deepEqual(history.series(100), [null, null, null, null]);
  history.add(10, 103);
  history.add(50, 106);
  history.add(99, 111);
  assert.deepEqual(history.series(112), [null, null, null, 10]);
  assert.deepEqual(history.series(115), [null, null, 10, 19.8]);
});

test('a rest is nought, not a gap', () => {
  const history = new History(SETTINGS);
  history.add(1, 0);
  history.add(5, 5);
  history.add(5, 21);
  assert.deepEqual(history.series(25), [1, 0, 0, 1]);
  assert.deepEqual(history.series(1000), [0, 0, 0, 0]);
  history.add(10, 1000);
  assert.deepEqual(history.series(1005), [0, 0, 0, 2]);
});

test('it goes on for ever in the same room', () => {
  const history = new History(SETTINGS);
  for (let at = 0; at < 10_000; at++) history.add(3, at);
  assert.deepEqual(history.series(10_000), [3, 3, 3, 3]);
});
