// What /admin/history tells, in charts and tables.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { cell, chartData, clock, latest, moment } from '../../webapp/admin/series.js';

const FOUND = {
  at: '2026-01-02T12:31:00Z',
  period_s: 60,
  starts: [1767357000, 1767357060],
  lines: { devices: [2, null], contributors: [null, null], pairs_per_s: [1234.56, 0] },
  figures: [],
  left: {},
};

test('times are in UTC', () => {
  assert.equal(clock(1767357000), '12:30');
  assert.equal(moment(1767357000, 60), '12:30');
  assert.equal(moment(1767355200, 3600), '01-02 12:00');
});

test('what nobody looked at is no nought', () => {
  assert.deepEqual(chartData(FOUND, ['devices']), [FOUND.starts, [2, null]]);
  assert.equal(cell(null), '–');
  assert.equal(cell(undefined), '–');
  assert.equal(cell(0), '0');
  assert.equal(cell(0.0042), '0.0042');
  assert.equal(cell(1234.56), '1,234.6');
});

test('the latest that is known is said, or what the cursor points at', () => {
  const keys = ['devices', 'contributors'];
  const labels = ['Devices', 'Contributors'];
  assert.equal(latest(FOUND, keys, labels, null), 'Devices: 2, Contributors: not known');
  assert.equal(latest(FOUND, keys, labels, 1), '12:31 UTC, Devices: –, Contributors: –');
});
