import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bins } from '../../webapp/admin/bins.js';

const BINS = new Bins({ low: 0, high: 1, counts: [4, 0, 10, 6], shared: [1, 0, 0, 6] });

test('everything is above the lowest score and nothing above the highest', () => {
  assert.equal(BINS.scored, 20);
  assert.equal(BINS.members(0), 20);
  assert.equal(BINS.members(-1), 20);
  assert.equal(BINS.members(1), 0);
  assert.equal(BINS.members(2), 0);
});

test('at the edge of a bin a count is exact, within it in between', () => {
  assert.equal(BINS.members(0.25), 16);
  assert.equal(BINS.members(0.5), 16);
  assert.equal(BINS.members(0.625), 11);
  assert.equal(BINS.members(0.75), 6);
  assert.equal(BINS.shared(0.75), 6);
  assert.equal(BINS.shared(0), 7);
  assert.equal(new Bins({ low: 0, high: 1, counts: [1], shared: null }).shared(0.5), null);
});

test('the score of so many members is where so many are at or above it', () => {
  for (const members of [1, 3, 6, 9, 16, 17, 20]) {
    assert.equal(BINS.members(BINS.scoreOf(members)), members);
  }
  assert.equal(BINS.scoreOf(21), 0);
});

test('more members never means a higher score', () => {
  let last = Infinity;
  for (let members = 0; members <= 20; members++) {
    assert.ok(BINS.scoreOf(members) <= last);
    last = BINS.scoreOf(members);
  }
});

test('a score stays within the range, and a key moves by less than a bar', () => {
  assert.equal(BINS.within(7), 1);
  assert.equal(BINS.within(-7), 0);
  assert.ok(BINS.step > 0);
});
