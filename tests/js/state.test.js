import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AT_REST, byCause, isAlive, reduce, wishing } from '../../webapp/ui/state.js';

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

test('what was to be tried again is over when an answer comes, and at the end', () => {
  const lasting = /** @type {AgentEvent} */ ({ ...problem, code: 'storage_full', retryInS: null });
  const tried = after(AT_REST, lasting, problem);
  assert.equal(tried.notices.length, 2);
  const codes = (/** @type {State} */ state) => state.notices.map(({ code }) => code);
  assert.deepEqual(codes(after(tried, /** @type {AgentEvent} */ ({ kind: 'recovered' }))), ['storage_full']);
  assert.deepEqual(codes(after(tried, { kind: 'ended', reason: 'stopped' })), ['storage_full']);
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

test('rungs that one cause rules out are told together', () => {
  const notice = (/** @type {string} */ code, /** @type {string} */ where) =>
    ({ code, message: `${code} ${where}`, nextStep: '', where, retryAt: null });
  const told = byCause([
    notice('no_f16', 'webgpu-f16-fused'),
    notice('busy', 'u1-1'),
    notice('no_f16', 'webgpu-f16'),
    notice('self_test_failed', 'webgpu-f32'),
    notice('busy', ''),
  ]);
  assert.deepEqual(told.map(({ notice: { message }, rungs }) => [message, ...rungs]), [
    ['no_f16 webgpu-f16', 'webgpu-f16-fused', 'webgpu-f16'],
    ['busy u1-1'],
    ['self_test_failed webgpu-f32', 'webgpu-f32'],
    ['busy '],
  ]);
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

/** @type {import('../../webapp/ui/state.js').Rest} */
const cap = { run: false, reason: 'cap', until: null };
const hasWorker = { hasWorker: true };

test('a rest is shown as one, whatever the agent says meanwhile, and ends with it', () => {
  const running = after(AT_REST, { kind: 'state', state: 'running' });
  const resting = wishing(running, 'run', cap, hasWorker);
  assert.equal(resting.phase, 'resting');
  for (const state of /** @type {const} */ (['running', 'testing', 'paused'])) {
    assert.equal(after(resting, { kind: 'state', state }).phase, 'resting');
  }
  const going = wishing(resting, 'run', null, hasWorker);
  assert.equal(after(going, { kind: 'state', state: 'paused' }).phase, 'starting');
  assert.equal(after(going, { kind: 'state', state: 'running' }).phase, 'running');
});

test('the person\'s own pause outlasts a rest, and a rest outlasts it', () => {
  const running = after(AT_REST, { kind: 'state', state: 'running' });
  const paused = wishing(wishing(running, 'run', cap, hasWorker), 'pause', cap, hasWorker);
  assert.equal(paused.phase, 'paused');
  assert.equal(wishing(paused, 'pause', null, hasWorker).phase, 'paused');
  assert.equal(wishing(paused, 'run', cap, hasWorker).phase, 'resting');
  assert.equal(wishing(running, 'pause', null, hasWorker).phase, 'pausing');
});

test('a run that rests before it has begun has nothing to wait for', () => {
  const begun = wishing({ ...AT_REST, phase: 'booting' }, 'run', cap, { hasWorker: false });
  assert.equal(begun.phase, 'resting');
  assert.equal(wishing(begun, 'pause', cap, { hasWorker: false }).phase, 'paused');
  assert.equal(wishing(begun, 'run', null, { hasWorker: false }).phase, 'booting');
});

test('finishing stays so until the end, which is not a stop', () => {
  const running = after(AT_REST, { kind: 'state', state: 'running' });
  const finishing = wishing(running, 'finish', null, hasWorker);
  for (const state of /** @type {const} */ (['stopping', 'running', 'stopped'])) {
    assert.equal(after(finishing, { kind: 'state', state }).phase, 'finishing');
  }
  assert.equal(after(finishing, { kind: 'ended', reason: 'stopped' }).phase, 'finished');
  assert.equal(after(finishing, { kind: 'ended', reason: 'failed' }).phase, 'failed');
  const stopping = wishing(finishing, 'stop', null, hasWorker);
  assert.equal(stopping.phase, 'stopping');
  assert.equal(after(stopping, { kind: 'ended', reason: 'stopped' }).phase, 'stopped');
});

test('what is true of the whole visit stays when work goes on', () => {
  const full = /** @type {AgentEvent} */ ({ ...problem, code: 'storage_full', retryInS: null });
  assert.deepEqual(after(AT_REST, full, problem, finished).notices.map(({ code }) => code), ['storage_full']);
});

test('when it asks for work again is known', () => {
  const waiting = /** @type {AgentEvent} */ ({ kind: 'waiting', reason: 'all_leased', seconds: 20 });
  const state = reduce(AT_REST, { kind: 'event', event: waiting }, 1000);
  assert.deepEqual([state.waitingFor, state.waitingUntil], ['all_leased', 21_000]);
});
