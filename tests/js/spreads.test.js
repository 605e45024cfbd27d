import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Spreads } from '../../webapp/ui/spreads.js';

const columns = [{ name: 'score', minimum: -1, maximum: 1, labels: [] }];
const of = (/** @type {string} */ pool, bundle = 'b') => ({ pool, bundle, columns });

test('scores of another pool or model are counted apart', () => {
  const spreads = new Spreads();
  assert.equal(spreads.latest.count, 0);
  spreads.add(of('p'), [0.1, 0.2]);
  spreads.add(of('p', 'other'), [0.3]);
  spreads.add(of('p'), [0.4]);
  assert.equal(spreads.of(of('p')).count, 3);
  assert.equal(spreads.of(of('p', 'other')).count, 1);
  assert.equal(spreads.latest, spreads.of(of('p')));
});

test("the range is the first column's", () => {
  const spreads = new Spreads();
  const words = [{ name: 'words', minimum: 0, maximum: 400, labels: [] }];
  spreads.add({ pool: 'p', bundle: 'b', columns: words }, [10, 390]);
  assert.deepEqual([spreads.latest.bars().from, spreads.latest.bars().to], [0, 400]);
});

test('old ones are forgotten', () => {
  const spreads = new Spreads();
  for (let i = 0; i < 40; i++) spreads.add(of(String(i)), [0]);
  assert.equal(spreads.of(of('0')).count, 0);
  assert.equal(spreads.of(of('39')).count, 1);
});
