import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Showcase } from '../../webapp/engine/showcase.js';

const pair = (/** @type {number} */ index, status = 0) => ({
  index, uid: `u${index}`, caption: 'c', ids: [], status, score: status === 0 ? 0.5 : null,
  values: status === 0 ? [0.5] : [],
  image: /** @type {[number, number]} */ ([index, 1]),
});

const OF = { pool: 'p', agent: 'dva', columns: [{ name: 'score', minimum: -1, maximum: 1, labels: [] }] };

test('all are counted, a few shown, and not all the time', () => {
  const showcase = new Showcase();
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => i);
  const pairs = Array.from({ length: 32 }, (_, i) => pair(i, i === 5 ? 2 : 0));
  const first = showcase.choose({ ...OF, pairs }, bytes).message;
  assert.ok(first.kind === 'seen');
  assert.equal(first.pairs, 32);
  assert.equal(first.scored, 31);
  assert.equal(first.shown.length, 3);
  for (const { uid, picture } of first.shown) assert.deepEqual([...(picture ?? [])], [Number(uid.slice(1))]);
  const second = showcase.choose({ ...OF, pairs }, bytes).message;
  assert.ok(second.kind === 'seen');
  assert.equal(second.pairs, 32);
  assert.deepEqual(second.shown, []);
});
