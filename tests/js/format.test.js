import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bytes, count, decimal, duration, exponent, rate } from '../../webapp/ui/format.js';

test('numbers read like numbers', () => {
  assert.equal(count(1234567.4), '1,234,567');
  assert.equal(decimal(-0.12345, 3), '−0.123');
  assert.equal(decimal(-0.0001, 3), '0.000');
  assert.equal(rate(3.14159), '3.1');
  assert.equal(rate(1503.7), '1,504');
});

test('bytes get a unit', () => {
  assert.equal(bytes(0), '0 B');
  assert.equal(bytes(999), '999 B');
  assert.equal(bytes(1000), '1.0 kB');
  assert.equal(bytes(7757562), '7.8 MB');
  assert.equal(bytes(156e6), '156 MB');
  assert.equal(bytes(4e15), '4,000 TB');
});

test('time left is never nothing', () => {
  assert.equal(duration(0), '1 s');
  assert.equal(duration(59), '59 s');
  assert.equal(duration(125), '2 min');
  assert.equal(duration(5400), '1.5 h');
});

test('small differences keep their size', () => {
  assert.equal(exponent(2.06e-7), '2 × 10⁻⁷');
  assert.equal(exponent(1e-4), '1 × 10⁻⁴');
  assert.equal(exponent(0), '0');
});
