import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addressOf } from '../../webapp/ui/payouts.js';

test('an address is what the server takes, without what surrounds it', () => {
  assert.equal(addressOf(' chain:0xAbC123.x-y_z\n'), 'chain:0xAbC123.x-y_z');
  assert.equal(addressOf('x'.repeat(128)), 'x'.repeat(128));
  for (const wrong of ['', '1234567', 'with,comma', 'two words here', 'x'.repeat(129)]) {
    assert.equal(addressOf(wrong), null, wrong);
  }
});
