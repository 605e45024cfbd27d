import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { REASONS, outcomeOf } from '../../webapp/ui/reports.js';

test("the reasons are the protocol's", () => {
  const protocol = readFileSync(new URL('../../webapp/dva_agent/protocol.py', import.meta.url), 'utf8');
  const [, listed] = protocol.match(/^ReportReason = Literal\[(.*)\]$/m) ?? [];
  assert.deepEqual(listed.match(/\w+/g), [...REASONS]);
});

test('what an answer means to the person', () => {
  assert.deepEqual(outcomeOf(200, { state: 'withheld' }), { kind: 'done', kept: false });
  assert.deepEqual(outcomeOf(200, { state: 'restored' }), { kind: 'done', kept: true });
  assert.deepEqual(outcomeOf(429, { retry_after_s: 12 }), { kind: 'wait', seconds: 12 });
  assert.deepEqual(outcomeOf(503, { retry_after_s: 'soon' }), { kind: 'wait', seconds: 30 });
  assert.deepEqual(outcomeOf(404, { detail: 'No such pair.' }), { kind: 'refused', why: 'No such pair.' });
  assert.deepEqual(outcomeOf(500, null), { kind: 'refused', why: 'HTTP 500' });
});
