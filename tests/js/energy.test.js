import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LADDER } from '../../webapp/engine/rungs.js';
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
  for (const rung of LADDER.slice(0, -1)) assert.ok(wattsOf(rung) > wattsOf('wasm'), rung);
  assert.equal(wattsOf('abacus'), 0);
  assert.equal(wattHours(54_000), 15);
});
