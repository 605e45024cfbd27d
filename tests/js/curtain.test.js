import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Curtain } from '../../webapp/ui/curtain.js';

const wild = { pool: 'wild', uid: '1' };

test('hidden until known to be safe, lifted one by one or all at once', () => {
  const curtain = new Curtain();
  assert.ok(curtain.hides(wild));
  curtain.safe = new Set(['tame']);
  assert.ok(curtain.hides(wild));
  assert.ok(!curtain.hides({ pool: 'tame', uid: '1' }));
  curtain.lift(wild);
  assert.ok(!curtain.hides(wild));
  assert.ok(curtain.hides({ pool: 'wild', uid: '2' }));
  curtain.open = true;
  assert.ok(!curtain.hides({ pool: 'wild', uid: '2' }));
  assert.ok(curtain.concerns('wild'));
  assert.ok(!curtain.concerns('tame'));
});
