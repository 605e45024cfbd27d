import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Sources, readSources } from '../../webapp/engine/sources.js';

const OWN = 'https://dva.example/api/v1/bundles/0/';

test('mirrors come first and the server last, whatever it says', () => {
  const mirror = 'https://models.example/0/';
  assert.deepEqual(readSources({ sources: [mirror, '/api/v1/bundles/0/'] }, OWN), [mirror, OWN]);
  assert.deepEqual(readSources({ sources: [OWN, mirror, mirror] }, OWN), [mirror, OWN]);
});

test('what is no folder of the web is no source', () => {
  for (const sources of [undefined, null, 'x', [1], ['https://models.example/0'], ['javascript:a/'], ['data:,/'], ['https:///']]) {
    assert.deepEqual(readSources({ sources }, OWN), [OWN], String(sources));
  }
  assert.deepEqual(readSources(null, OWN), [OWN]);
  assert.equal(readSources({ sources: Array.from({ length: 99 }, (_, n) => `https://m${n}.example/`) }, OWN).length, 9);
});

test('a server that says nothing of use is the source itself', async () => {
  const own = 'http://127.0.0.1:9/bundles/0/';
  const sources = new Sources(own);
  assert.equal(await sources.best(), own);
  assert.ok(!sources.isMirror(own));
  sources.drop('https://models.example/0/');
  assert.equal(await sources.best(), own);
});
