import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Rate } from '../../webapp/ui/rate.js';

test('says nothing until there is enough to tell', () => {
  const rate = new Rate({ windowS: 30, needS: 4 });
  assert.equal(rate.perSecond(0), null);
  rate.add(8, 10);
  assert.equal(rate.perSecond(20), null);
  rate.add(8, 12);
  assert.equal(rate.perSecond(12), null);
  rate.add(8, 14);
  assert.equal(rate.perSecond(14), 4);
});

test('forgets what lies before its window', () => {
  const rate = new Rate({ windowS: 10, needS: 1 });
  for (let at = 0; at <= 20; at++) rate.add(100, at);
  for (let at = 21; at <= 40; at++) rate.add(5, at);
  assert.equal(rate.perSecond(40), 5);
});

test('falls when nothing comes any more', () => {
  const rate = new Rate({ windowS: 10, needS: 1 });
  rate.add(0, 0);
  rate.add(10, 5);
  assert.equal(rate.perSecond(10), 1);
});

test('begins anew', () => {
  const rate = new Rate({ windowS: 10, needS: 1 });
  rate.add(1, 0);
  rate.add(1, 5);
  rate.restart();
  assert.equal(rate.perSecond(6), null);
});
