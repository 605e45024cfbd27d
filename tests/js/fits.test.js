import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fit, memoryOf } from '../../webapp/ui/fits.js';

const PHONE = Object.freeze({ deviceGB: 4, mobile: true });
const LAPTOP = Object.freeze({ deviceGB: 8, mobile: false });
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1';
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15';

test('the demo fits a phone, a ViT-B/16 of 156 MB just so, a ViT-L does not', () => {
  assert.ok(fit(8e6, PHONE).fits);
  assert.ok(fit(156e6, PHONE).fits);
  assert.ok(!fit(428e6, PHONE).fits);
  assert.ok(!fit(156e6, { deviceGB: 2, mobile: true }).fits);
});

test('a computer may use more of its memory, and all that it does not tell', () => {
  assert.ok(fit(428e6, LAPTOP).fits);
  assert.ok(!fit(2e9, LAPTOP).fits);
  assert.ok(fit(2e9, { deviceGB: null, mobile: false }).fits);
});

test('a phone that tells nothing is taken to have little', () => {
  assert.deepEqual(fit(428e6, { deviceGB: null, mobile: true }), { fits: false, neededMB: 1634, budgetMB: 1000 });
});

test('phones are known by what they say, iPads by their fingers', () => {
  const plain = { userAgent: MAC, maxTouchPoints: 0 };
  assert.deepEqual(memoryOf(plain), { deviceGB: null, mobile: false });
  assert.deepEqual(memoryOf({ ...plain, maxTouchPoints: 5 }), { deviceGB: null, mobile: true });
  assert.deepEqual(memoryOf({ userAgent: IPHONE, maxTouchPoints: 5 }), { deviceGB: null, mobile: true });
  assert.deepEqual(memoryOf({ ...plain, userAgentData: { mobile: true }, deviceMemory: 4 }), { deviceGB: 4, mobile: true });
});

test('a browser that tells nonsense tells nothing', () => {
  for (const deviceMemory of ['8', 0, -1, NaN, null]) {
    assert.equal(memoryOf({ deviceMemory, userAgent: MAC, maxTouchPoints: 0 }).deviceGB, null);
  }
});
