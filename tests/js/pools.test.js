import assert from 'node:assert/strict';
import { test } from 'node:test';

import { poolAtWork, safePools } from '../../webapp/ui/pools.js';

/** @typedef {import('../../webapp/ui/server-types.js').PoolStatus} PoolStatus */

/**
 * @param {string} pool
 * @param {Partial<PoolStatus>} [rest]
 * @returns {PoolStatus}
 */
const status = (pool, rest = {}) => ({
  pool, bundle: 'b', bundle_url: '/b/', title: pool, licence: '', attribution: '', safe: false,
  pairs: 20, bytes: 900, units: 2, units_leased: 0, units_done: 0, pairs_done: 0, agent: 'dva', columns: [], needs: [],
  licence_accepted: true, hosts: [], ...rest,
});
const done = { units_done: 2, pairs_done: 20 };

test('before Start, the first pool that is not done', () => {
  const pools = [status('a', done), status('b'), status('c')];
  assert.equal(poolAtWork(pools, null, null)?.pool, 'b');
  assert.equal(poolAtWork([status('a', done), status('b', done)], null, null)?.pool, 'a');
  assert.equal(poolAtWork([], null, null), null);
});

test('before Start, what the server hands out goes before what it keeps back', () => {
  const kept = { licence_accepted: false };
  assert.equal(poolAtWork([status('a', kept), status('b')], null, null)?.pool, 'b');
  assert.equal(poolAtWork([status('a', kept), status('b', done)], null, null)?.pool, 'a');
});

test('at work, the pool of the last unit', () => {
  const pools = [status('a'), status('b', done)];
  assert.equal(poolAtWork(pools, null, 'b')?.pool, 'b');
  assert.equal(poolAtWork(pools, null, 'gone')?.pool, 'a');
});

test('a page for one pool shows that one', () => {
  const pools = [status('a'), status('b', done)];
  assert.equal(poolAtWork(pools, 'b', null)?.pool, 'b');
  assert.equal(poolAtWork(pools, 'c', null), null);
});

test('only what the server calls safe is safe', () => {
  const vague = /** @type {PoolStatus} */ (/** @type {unknown} */ ({ ...status('vague'), safe: 'no' }));
  const safe = safePools([status('wild'), status('tame', { safe: true }), vague]);
  assert.deepEqual([...safe], ['tame']);
  assert.ok(!safe.has('unknown'));
});
