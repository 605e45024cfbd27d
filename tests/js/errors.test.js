import assert from 'node:assert/strict';
import { test } from 'node:test';

import { TabError, codeOf, isOutOfMemory } from '../../webapp/engine/errors.js';

test('what is said when memory runs out is known', () => {
  const said = [
    'Array buffer allocation failed', 'Invalid array buffer length', 'Invalid typed array length: 4503599627370496',
    'WebAssembly.Memory(): could not allocate memory', 'std::bad_alloc', 'Out of memory',
    "failed to call OrtRun(). ERROR_CODE: 6, Failed to allocate memory for requested buffer of size 151",
  ];
  for (const words of said) assert.ok(isOutOfMemory(new RangeError(words)), words);
  assert.ok(!isOutOfMemory(new Error('the connection was lost')));
});

test('the end of an agent has a code', () => {
  assert.equal(codeOf(new RangeError('Array buffer allocation failed')), 'out_of_memory');
  assert.equal(codeOf(new TabError('rung_unavailable', '', { reason: 'no_webgpu' })), 'no_webgpu');
  assert.equal(codeOf(new TabError('unreachable', '')), 'unreachable');
  assert.equal(codeOf(new Error('Failed to fetch dynamically imported module')), 'boot_failed');
});
