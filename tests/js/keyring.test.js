import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { newIdentity } from '../../webapp/identity/identity.js';
import { Keyring } from '../../webapp/identity/keyring.js';

/** What the browser keeps, and what it fails at. */
const vault = {
  /** @type {unknown} */
  kept: undefined,
  readFails: false,
  writeFails: false,
};

/**
 * @param {'readonly' | 'readwrite'} mode
 * @param {() => unknown} act
 */
function transaction(mode, act) {
  const fails = mode === 'readonly' ? vault.readFails : vault.writeFails;
  /** @type {any} */
  const under = { error: new DOMException('Connection lost.', 'UnknownError') };
  const request = { result: fails ? undefined : act() };
  queueMicrotask(() => (fails ? under.onabort() : under.oncomplete()));
  return { under, request };
}

/** As much of IndexedDB as identity/vault.js uses. */
const indexedDB = {
  open() {
    const database = {
      close() {},
      transaction: (/** @type {string} */ _store, /** @type {'readonly' | 'readwrite'} */ mode) => {
        /** @type {any} */
        let begun;
        const ask = (/** @type {() => unknown} */ act) => {
          begun = transaction(mode, act);
          return begun.request;
        };
        return {
          objectStore: () => ({
            get: () => ask(() => structuredClone(vault.kept)),
            put: (/** @type {unknown} */ value) => ask(() => (vault.kept = structuredClone(value))),
            delete: () => ask(() => (vault.kept = undefined)),
          }),
          get error() {
            return begun.under.error;
          },
          set oncomplete(/** @type {() => void} */ heard) {
            begun.under.oncomplete = heard;
          },
          set onabort(/** @type {() => void} */ heard) {
            begun.under.onabort = heard;
          },
        };
      },
    };
    /** @type {any} */
    const request = { result: database };
    queueMicrotask(() => request.onsuccess());
    return request;
  },
};

/** @param {object} locks */
function withLocks(locks) {
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { locks } });
}

beforeEach(() => {
  Object.assign(vault, { kept: undefined, readFails: false, writeFails: false });
  Object.assign(globalThis, { indexedDB });
  console.warn = () => {};
  withLocks({ request: (/** @type {string} */ _name, /** @type {() => unknown} */ act) => act() });
});

test('one identity is made, kept and found again', async () => {
  const made = await new Keyring().make();
  const later = new Keyring();
  assert.deepEqual(await later.load(), made);
  assert.deepEqual(await later.make(), made);
  assert.ok(later.isKept);
});

test('a read that failed is made up for by a later one', async () => {
  const mine = await newIdentity();
  Object.assign(vault, { kept: mine, readFails: true });
  const keyring = new Keyring();
  assert.equal(await keyring.load(), null);
  assert.ok(!keyring.isKept);
  vault.readFails = false;
  assert.deepEqual(await keyring.make(), mine);
  assert.ok(keyring.isKept);
});

test('an identity that could not be read is not written over', async () => {
  const mine = await newIdentity();
  Object.assign(vault, { kept: mine, readFails: true });
  const keyring = new Keyring();
  await keyring.load();
  const forNow = await keyring.make();
  vault.readFails = false;
  await keyring.dropPhrase();
  assert.equal(keyring.identity?.phrase, null);
  // Who works here stays the same for the visit.
  assert.deepEqual((await keyring.make()).deviceKey, forNow.deviceKey);
  assert.ok(!keyring.isKept);
  assert.deepEqual(vault.kept, mine);
  assert.deepEqual(await new Keyring().load(), mine);
});

test('who joins an account leaves whatever was kept', async () => {
  const [mine, next] = [await newIdentity(), await newIdentity()];
  Object.assign(vault, { kept: mine, readFails: true });
  const keyring = new Keyring();
  await keyring.make();
  await keyring.adopt(next);
  assert.ok(keyring.isKept);
  assert.deepEqual(vault.kept, next);
});

test('what is known is kept through a read that fails, and its phrase can be dropped', async () => {
  const mine = await newIdentity();
  vault.kept = mine;
  const keyring = new Keyring();
  await keyring.load();
  vault.readFails = true;
  assert.deepEqual(await keyring.make(), mine);
  await keyring.dropPhrase();
  assert.deepEqual(vault.kept, { ...mine, phrase: null });
});

test('what was forgotten does not come back, even if it can not be deleted', async () => {
  const mine = await newIdentity();
  Object.assign(vault, { kept: mine, writeFails: true });
  const keyring = new Keyring();
  await keyring.load();
  await keyring.forget();
  assert.equal(await keyring.load(), null);
  vault.writeFails = false;
  const next = await keyring.make();
  assert.notDeepEqual(next.deviceKey, mine.deviceKey);
  assert.deepEqual(vault.kept, next);
});

test('where locks are refused, keys work without them', async () => {
  const refuse = () => Promise.reject(new DOMException('Blocked.', 'SecurityError'));
  withLocks({ request: refuse });
  const keyring = new Keyring();
  assert.deepEqual(await keyring.make(), keyring.identity);
});
