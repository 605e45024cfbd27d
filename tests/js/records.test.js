import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { allowReload, mayReload } from '../../webapp/ui/records.js';

/** @param {() => unknown} storage what the page gets when it asks for its storage */
function withStorage(storage) {
  Object.defineProperty(globalThis, 'sessionStorage', { configurable: true, get: storage });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'sessionStorage');
});

test('a page reloads once, and once more after it has worked', () => {
  /** @type {Map<string, string>} */
  const kept = new Map();
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    removeItem: (/** @type {string} */ key) => kept.delete(key),
  };
  withStorage(() => storage);
  assert.ok(mayReload());
  assert.ok(!mayReload());
  allowReload();
  assert.ok(mayReload());
});

test('where storage is refused, it never reloads by itself', () => {
  withStorage(() => {
    throw new DOMException('Refused.', 'SecurityError');
  });
  assert.ok(!mayReload());
  allowReload();
});
