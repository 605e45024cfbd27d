import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Meter, wattHours, wattsOf } from '../../webapp/ui/energy.js';

test('whole joules, and no part of one is lost', () => {
  const meter = new Meter();
  assert.equal(meter.read(3.75, 10), 0);
  const read = [11, 12, 13, 14].map((at) => meter.read(3.75, at));
  assert.deepEqual(read, [3, 4, 4, 4]);
  assert.equal(meter.read(0, 1000), 0);
  assert.equal(meter.read(15, 1060), 900);
});

test('a guess for each rung, and none for what nobody knows', () => {
  assert.ok(wattsOf('webgpu-f32') > wattsOf('wasm'));
  assert.equal(wattsOf('abacus'), 0);
  assert.equal(wattHours(54_000), 15);
});
