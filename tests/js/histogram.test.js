import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Histogram } from '../../webapp/ui/histogram.js';

/** @param {number[]} scores */
function of(...scores) {
  const histogram = new Histogram();
  histogram.add(scores);
  return histogram;
}

test('an empty one draws an empty range around nought', () => {
  const { from, to, counts } = of().bars();
  assert.deepEqual([from, to], [0, 0.4]);
  assert.ok(counts.every((count) => count === 0));
  assert.equal(of().quantile(0.5), null);
  assert.equal(of().shareBelow(0.3), 0);
});

test('every score is in a bar, and in one only', () => {
  const scores = Array.from({ length: 2001 }, (_, i) => i / 1000 - 1);
  const bars = of(...scores).bars();
  assert.deepEqual([bars.from, bars.to], [-1, 1]);
  assert.equal(bars.counts.length, 40);
  assert.equal(bars.counts.reduce((sum, count) => sum + count), 2001);
});

test('the range is that of the scores, in tenths', () => {
  const { from, to, counts } = of(-0.05, 0.31).bars();
  assert.deepEqual([from, to], [-0.1, 0.4]);
  assert.equal(counts.length, 50);
  assert.equal(counts[5], 1);
  assert.equal(counts[41], 1);
  const high = of(0.99, 1).bars();
  assert.equal(high.to, 1);
  const low = of(-1).bars();
  assert.deepEqual([low.from, low.to], [-1, -0.6]);
});

test('the range never shrinks', () => {
  const histogram = of(0.9, -0.3);
  const before = histogram.bars();
  histogram.add(Array(1000).fill(0.2));
  const after = histogram.bars();
  assert.deepEqual([after.from, after.to], [before.from, before.to]);
});

test('where a score stands among all', () => {
  const histogram = of(0.1, 0.2, 0.2, 0.3);
  assert.equal(histogram.count, 4);
  assert.equal(histogram.shareBelow(0.1), 0);
  assert.equal(histogram.shareBelow(0.2), 0.25);
  assert.equal(histogram.shareBelow(0.3), 0.75);
  assert.equal(histogram.shareBelow(1), 1);
  assert.equal(histogram.quantile(0.5)?.toFixed(3), (0.2005).toFixed(3));
});
