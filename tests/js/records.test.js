import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { addToTraffic, allowReload, mayReload, traffic } from '../../webapp/ui/records.js';

/** @param {() => unknown} storage what the page gets when it asks for its storage */
function withStorage(storage) {
  Object.defineProperty(globalThis, 'sessionStorage', { configurable: true, get: storage });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'localStorage');
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

test('what is counted is known in this visit, even where storage refuses it', () => {
  const now = new Date(2026, 0, 5, 12);
  const setItem = () => {
    throw new DOMException('Full.', 'QuotaExceededError');
  };
  console.warn = () => {};
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, value: { getItem: () => null, setItem } });
  addToTraffic(70, now);
  addToTraffic(50, now);
  assert.deepEqual(traffic(now), { day: '2026-1-5', today: 120, ever: 120 });
  const tomorrow = new Date(2026, 0, 6, 0);
  assert.deepEqual(traffic(tomorrow), { day: '2026-1-6', today: 0, ever: 120 });
});

test('what another tab has counted is counted here', () => {
  const now = new Date(2026, 0, 7, 12);
  /** @type {Map<string, string>} */
  const kept = new Map();
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
  };
  Object.defineProperty(globalThis, 'localStorage', { configurable: true, value: storage });
  addToTraffic(10, now);
  kept.set('dva.traffic', JSON.stringify({ day: '2026-1-7', today: 1000, ever: 5000 }));
  addToTraffic(10, now);
  assert.deepEqual(traffic(now), { day: '2026-1-7', today: 1010, ever: 5010 });
});
