import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Earnings, isDue } from '../../webapp/ui/earnings.js';
import { operations } from '../../webapp/ui/format.js';
import { Refusal } from '../../webapp/ui/refusal.js';
import { CATALOGUES } from '../../webapp/ui/text.js';

/** @typedef {import('../../webapp/ui/session.js').Session} Session */

const NOTHING = { credits: 0, pairs: 0 };
const CREDIT = {
  contributor: 'c', pending: { credits: 64, pairs: 4 }, pending_units: 1, confirmed: NOTHING, forfeited: NOTHING, revoked: NOTHING,
};

/**
 * A server with so many units, in pages of two, and who asks it.
 * @param {number} units
 */
function world(units) {
  const world = {
    /** @type {string[]} */
    asked: [],
    /** @type {{device: string, token: string} | null} */
    device: { device: 'd', token: 't' },
    /** @type {Refusal | null} */
    refusal: null,
    units,
    async ask(/** @type {string} */ _method, /** @type {string} */ path) {
      world.asked.push(path);
      if (world.refusal !== null) throw world.refusal;
      if (path === '/me/credit') return CREDIT;
      const after = Number(path.split('after=')[1] ?? world.units + 1);
      const page = [after - 1, after - 2].filter((result) => result > 0).map((result) => ({ result }));
      return after > 3 ? { units: page, next: after - 2 } : { units: page };
    },
  };
  return { world, earnings: new Earnings(/** @type {Session} */ (/** @type {unknown} */ (world))) };
}

const results = (/** @type {Earnings} */ earnings) => earnings.units?.map(({ result }) => result);

test('it is asked once, then when something waits or was posted, and not at once for each', () => {
  const at = 1_000_000;
  assert.ok(isDue({ at, asked: null, posted: false, waits: false }));
  assert.ok(!isDue({ at, asked: at - 14_000, posted: true, waits: true }));
  assert.ok(isDue({ at, asked: at - 15_000, posted: true, waits: false }));
  assert.ok(!isDue({ at, asked: at - 59_000, posted: false, waits: true }));
  assert.ok(isDue({ at, asked: at - 60_000, posted: false, waits: true }));
  assert.ok(!isDue({ at, asked: at - 3_600_000, posted: false, waits: false }));
});

test('a browser that the server does not know asks nothing', async () => {
  const { world: its, earnings } = world(0);
  its.device = null;
  await earnings.tick();
  await earnings.look();
  assert.deepEqual([its.asked, earnings.credit, earnings.isKnown], [[], null, false]);
});

test('the list is asked for only while it is looked at, page by page', async () => {
  const { world: its, earnings } = world(5);
  await earnings.tick();
  assert.deepEqual(its.asked, ['/me/credit']);
  assert.equal(earnings.credit, CREDIT);
  earnings.listed = true;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(results(earnings), [5, 4]);
  await earnings.more();
  await earnings.more();
  assert.deepEqual(results(earnings), [5, 4, 3, 2, 1]);
  assert.ok(!earnings.hasMore);
  its.units = 6;
  await earnings.look();
  assert.deepEqual(results(earnings), [6, 5, 4, 3, 2, 1]);
  assert.ok(!earnings.hasMore);
});

test('a refusal is kept until an answer comes, and what was known stays', async (t) => {
  t.mock.method(console, 'warn', () => {});
  const { world: its, earnings } = world(1);
  await earnings.look();
  its.refusal = new Refusal('busy', 503);
  await earnings.look();
  assert.deepEqual([earnings.refusal?.code, earnings.credit], ['busy', CREDIT]);
  its.refusal = null;
  await earnings.look();
  assert.equal(earnings.refusal, null);
});

test('another device has other credit', async () => {
  const { world: its, earnings } = world(1);
  await earnings.tick();
  its.device = null;
  await earnings.tick();
  assert.equal(earnings.credit, null);
});

test('credits are told as operations', () => {
  assert.deepEqual([0, 999, 1000, 13_781, 1_234_567].map(operations), ['0 MFLOP', '999 MFLOP', '1.0 GFLOP', '13.8 GFLOP', '1.2 TFLOP']);
});

test('each language has words for each reason and what is awaited', () => {
  const codes = [
    'posted', 'passed', 'audits_passed', 'audit_failed', 'recheck_failed',
    'score_differs', 'score_biased', 'score_doubtful', 'status_differs', 'status_disputed', 'value_doubtful', 'value_differs', 'copies_agree', 'believed', 'outvoted', 'no_majority',
  ];
  for (const text of Object.values(CATALOGUES)) {
    for (const code of codes) assert.ok(!text.workReason(code).includes(code));
    assert.ok(text.workReason('new_code').includes('new_code'));
    for (const code of ['auditor', 'audit', 'later_audits', 'copies']) assert.notEqual(text.workAwaits(code), '');
  }
});
