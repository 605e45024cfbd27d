import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Showcase } from '../../webapp/engine/showcase.js';

const pair = (/** @type {number} */ index, status = 0) => ({
  index, uid: `u${index}`, caption: 'c', ids: [], status, score: status === 0 ? 0.5 : null,
  values: status === 0 ? [0.5] : [],
  image: /** @type {[number, number]} */ ([index, 1]),
});

test('all are counted, a few shown, and not all the time', () => {
  const showcase = new Showcase();
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => i);
  const pairs = Array.from({ length: 32 }, (_, i) => pair(i, i === 5 ? 2 : 0));
  const columns = [{ name: 'score', minimum: -1, maximum: 1, labels: [] }];
  const batch = { unit: 'u', pool: 'p', bundle: 'b', agent: 'dva', columns, pairs };
  const first = showcase.choose(batch, bytes).message;
  assert.equal(first.pairs, 32);
  assert.deepEqual([...first.scores], Array(31).fill(0.5));
  assert.equal(first.shown.length, 3);
  for (const { uid, picture } of first.shown) assert.deepEqual([...(picture ?? [])], [Number(uid.slice(1))]);
  const second = showcase.choose(batch, bytes).message;
  assert.equal(second.pairs, 32);
  assert.equal(second.scores.length, 31);
  assert.deepEqual(second.shown, []);
});
