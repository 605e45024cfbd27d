import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AT_REST, isAlive, reduce } from '../../webapp/ui/state.js';

/** @typedef {import('../../webapp/engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('../../webapp/engine/wire.js').AgentEvent} AgentEvent */
/** @typedef {import('../../webapp/ui/state.js').State} State */

/**
 * @param {State} state
 * @param {...(FromWorker | AgentEvent)} messages
 */
function after(state, ...messages) {
  const kinds = ['event', 'booting', 'booted', 'download', 'seen', 'device', 'ended', 'failed'];
  return messages.reduce((before, message) => {
    const wrapped = kinds.includes(message.kind) ? message : { kind: 'event', event: message };
    return reduce(before, /** @type {FromWorker} */ (wrapped));
  }, state);
}

const problem = /** @type {AgentEvent} */ ({
  kind: 'problem', code: 'unreachable', message: 'No answer.', nextStep: 'Wait.', where: '', retryInS: 4,
});
const finished = /** @type {AgentEvent} */ ({
  kind: 'unit_finished', unit: 'u', lease: 'l', pool: 'p', pairs: 2, pairsScored: 2, bytes: 9, seconds: 1,
});

test('a run goes through its phases', () => {
  let state = after(AT_REST, { kind: 'booting' });
  assert.equal(state.phase, 'booting');
  state = after(state, { kind: 'state', state: 'testing' }, { kind: 'state', state: 'running' });
  assert.equal(state.phase, 'running');
  state = after(state, { kind: 'state', state: 'drained' }, { kind: 'ended', reason: 'drained' });
  assert.equal(state.phase, 'drained');
  assert.ok(!isAlive(state.phase));
});

test('between the press of Pause and the pause, other states are not shown', () => {
  const pausing = { ...AT_REST, wish: /** @type {const} */ ('pause'), phase: /** @type {const} */ ('pausing') };
  assert.equal(after(pausing, { kind: 'state', state: 'running' }).phase, 'pausing');
  assert.equal(after(pausing, { kind: 'state', state: 'paused' }).phase, 'paused');
});

test('a tab that was taken over stays so', () => {
  const taken = { ...AT_REST, phase: /** @type {const} */ ('taken') };
  const end = after(taken, { kind: 'state', state: 'stopping' }, { kind: 'ended', reason: 'stopped' });
  assert.equal(end.phase, 'taken');
});

test('a fatal event is the end, with its reason', () => {
  const fatal = /** @type {AgentEvent} */ ({ kind: 'fatal', code: 'x', message: 'Why.', nextStep: 'Do.' });
  const end = after(AT_REST, fatal, { kind: 'ended', reason: 'failed' });
  assert.equal(end.phase, 'failed');
  assert.deepEqual(end.notices, [{ code: 'x', message: 'Why.', nextStep: 'Do.', where: '', retryAt: null }]);
});

test('the same problem is one notice, and goes when work goes on', () => {
  let state = after(AT_REST, problem, problem);
  assert.equal(state.notices.length, 1);
  assert.ok(Math.abs(Number(state.notices[0].retryAt) - Date.now() - 4000) < 1000);
  state = after(state, finished);
  assert.deepEqual(state.notices, []);
});

test('a rung that is not used stays explained', () => {
  const skipped = /** @type {AgentEvent} */ ({
    kind: 'rung', bundle: 'b', rung: 'webgpu-f32', chosen: false, deviceClass: '',
    code: 'rung_unavailable', message: 'No card.', nextStep: 'Other browser.',
  });
  const state = after(AT_REST, skipped, finished);
  assert.deepEqual([state.notices[0].code, state.notices[0].where], ['rung_unavailable', 'webgpu-f32']);
  assert.equal(state.where, null);
});

test('what is held is given back once', () => {
  const state = after(AT_REST, { kind: 'held', leases: ['a', 'b'] });
  assert.deepEqual(state.held, ['a', 'b']);
  assert.deepEqual(after(state, { kind: 'ended', reason: 'stopped' }).held, []);
});

test('the pool is that of the unit begun last, until the next run', () => {
  const begun = (/** @type {string} */ pool) => /** @type {AgentEvent} */ ({
    kind: 'unit_started', unit: 'u', lease: 'l', pool, pairs: 2, bytes: 9,
  });
  assert.equal(after(AT_REST, begun('a'), begun('b'), finished).pool, 'b');
  assert.equal(AT_REST.pool, null);
});
