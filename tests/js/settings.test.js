import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULTS, MAX_CAP_MB, checked } from '../../webapp/ui/settings.js';

const CHOSEN = Object.freeze({
  power: 'gentle', whenIdle: true, restOnBattery: false, capMB: 250,
  schedule: { on: true, from: '23:30', to: '06:15' }, showPictures: true,
});

test('what was chosen comes back', () => {
  assert.deepEqual(checked({ version: 1, ...CHOSEN }), CHOSEN);
});

test('nothing, another version and nonsense are the defaults', () => {
  for (const found of [{}, { ...CHOSEN }, { ...CHOSEN, version: 2 }, { ...CHOSEN, version: '1' }]) {
    assert.deepEqual(checked(found), DEFAULTS);
  }
});

test('a field that makes no sense has its default, and the others stand', () => {
  /** @type {[keyof typeof CHOSEN, unknown[]][]} */
  const wrong = [
    ['power', ['fast', 1, null, '__proto__', 'constructor']],
    ['whenIdle', ['true', 1, null]],
    ['capMB', [-1, 1.5, '100', Infinity, NaN, MAX_CAP_MB + 1, null]],
    ['schedule', [null, 7, [], {}, { on: true }, { on: true, from: '24:00', to: '06:00' },
      { on: 'yes', from: '22:00', to: '06:00' }, { on: true, from: '22:00', to: '6:00' }]],
    ['showPictures', ['yes', 1, {}]],
  ];
  for (const [name, values] of wrong) {
    for (const value of values) {
      assert.deepEqual(checked({ version: 1, ...CHOSEN, [name]: value }), { ...CHOSEN, [name]: DEFAULTS[name] });
    }
  }
});

test('fields that nobody knows are left out', () => {
  assert.deepEqual(checked({ version: 1, ...CHOSEN, admin: true }), CHOSEN);
});
