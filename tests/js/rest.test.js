import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UNKNOWN, decide, isSame, isWithin } from '../../webapp/ui/rest.js';
import { DEFAULTS } from '../../webapp/ui/settings.js';

// Summer time began there on 2026-03-29, when two o'clock became three, and ended on 2026-10-25, when
// three o'clock became two again.
process.env.TZ = 'Europe/Berlin';

const NIGHT = { on: true, from: '22:00', to: '07:00' };
const MINUTE_MS = 60_000;

/** @param {...number} parts of a local time */
const at = (...parts) => new Date(...(/** @type {[number, number]} */ (/** @type {unknown} */ (parts))));

/** @param {Partial<import('../../webapp/ui/settings.js').Settings>} settings */
const chosen = (settings) => ({ ...DEFAULTS, ...settings });

test('with nothing set and nothing known, it works', () => {
  assert.deepEqual(decide(DEFAULTS, UNKNOWN, at(2026, 0, 5, 12)), { run: true });
});

test('a schedule may go past midnight; its last minute is not in it', () => {
  const within = (/** @type {number} */ hours, /** @type {number} */ minutes) =>
    isWithin(NIGHT, at(2026, 0, 5, hours, minutes));
  assert.deepEqual([within(21, 59), within(22, 0), within(0, 0), within(6, 59), within(7, 0)],
    [false, true, true, true, false]);
  const day = { from: '09:30', to: '17:00' };
  assert.deepEqual([9 * 60 + 29, 9 * 60 + 30, 17 * 60].map((m) => isWithin(day, at(2026, 0, 5, 0, m))),
    [false, true, false]);
  assert.ok(isWithin({ from: '08:00', to: '08:00' }, at(2026, 0, 5, 3)));
});

test('outside of the schedule it rests until the clock shows its beginning', () => {
  const evening = decide(chosen({ schedule: NIGHT }), UNKNOWN, at(2026, 0, 5, 12));
  assert.deepEqual(evening, { run: false, reason: 'schedule', until: at(2026, 0, 5, 22) });
  const day = { on: true, from: '09:00', to: '17:00' };
  const tomorrow = decide(chosen({ schedule: day }), UNKNOWN, at(2026, 11, 31, 20));
  assert.deepEqual(tomorrow, { run: false, reason: 'schedule', until: at(2027, 0, 1, 9) });
});

test('through both changes of the clock, every minute is as the clock on the wall shows it', () => {
  const settings = chosen({ schedule: { on: true, from: '02:30', to: '03:15' } });
  for (const day of [at(2026, 2, 28), at(2026, 9, 24)]) {
    for (let minute = 0; minute < 3 * 24 * 60; minute++) {
      const now = new Date(day.getTime() + minute * MINUTE_MS);
      const shown = now.getHours() * 60 + now.getMinutes();
      const decision = decide(settings, UNKNOWN, now);
      assert.equal(decision.run, 150 <= shown && shown < 195, now.toString());
      if (!decision.run) {
        assert.ok(decision.until !== null && decision.until > now);
        assert.ok(decision.until.getTime() - now.getTime() <= 25 * 60 * MINUTE_MS);
      }
    }
  }
});

test('a night with a change of the clock ends when the clock says so', () => {
  const before = decide(chosen({ schedule: { on: true, from: '06:00', to: '07:00' } }), UNKNOWN, at(2026, 2, 28, 23));
  assert.ok(!before.run && before.until !== null);
  assert.equal(before.until.getTime() - at(2026, 2, 28, 23).getTime(), 6 * 60 * MINUTE_MS);
});

test('the cap is reached in the middle of a unit, and lifted at midnight', () => {
  const settings = chosen({ capMB: 100 });
  const used = (/** @type {number} */ bytesToday) => decide(settings, { ...UNKNOWN, bytesToday }, at(2026, 9, 24, 23, 59));
  assert.deepEqual(used(99_999_999), { run: true });
  assert.deepEqual(used(100_000_000), { run: false, reason: 'cap', until: at(2026, 9, 25) });
  assert.deepEqual(decide(DEFAULTS, { ...UNKNOWN, bytesToday: 1e12 }, at(2026, 0, 5)), { run: true });
});

test('battery and use count only where they are known and set', () => {
  const now = at(2026, 0, 5, 12);
  const battery = { ...UNKNOWN, onBattery: true };
  assert.deepEqual(decide(DEFAULTS, battery, now), { run: false, reason: 'battery', until: null });
  assert.deepEqual(decide(chosen({ restOnBattery: false }), battery, now), { run: true });
  const used = { ...UNKNOWN, inUse: true };
  assert.deepEqual(decide(DEFAULTS, used, now), { run: true });
  assert.deepEqual(decide(chosen({ whenIdle: true }), used, now), { run: false, reason: 'active', until: null });
  assert.deepEqual(decide(chosen({ whenIdle: true }), UNKNOWN, now), { run: true });
});

test('without consent nothing else matters', () => {
  const conditions = { consented: false, bytesToday: 1e12, onBattery: true, inUse: true };
  const settings = chosen({ capMB: 1, whenIdle: true, schedule: NIGHT });
  assert.deepEqual(decide(settings, conditions, at(2026, 0, 5, 12)), { run: false, reason: 'consent', until: null });
});

test('decisions that say the same are the same', () => {
  const cap = decide(chosen({ capMB: 1 }), { ...UNKNOWN, bytesToday: 1e7 }, at(2026, 0, 5, 12));
  const later = decide(chosen({ capMB: 1 }), { ...UNKNOWN, bytesToday: 1e8 }, at(2026, 0, 5, 13));
  const tomorrow = decide(chosen({ capMB: 1 }), { ...UNKNOWN, bytesToday: 1e8 }, at(2026, 0, 6, 13));
  assert.ok(isSame(cap, later));
  assert.ok(!isSame(cap, tomorrow));
  assert.ok(!isSame(cap, { run: true }));
  assert.ok(isSame({ run: true }, { run: true }));
});
