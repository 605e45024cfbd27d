import assert from 'node:assert/strict';
import { test } from 'node:test';

import { consent, hasConsent, licenceKey, licencesOf, withdraw } from '../../webapp/ui/consent.js';

/** @typedef {import('../../webapp/ui/server-types.js').Manifest} Manifest */

/** @param {string} sha256 of the licence's text */
const licensed = (sha256) => /** @type {Manifest} */ (/** @type {unknown} */ ({
  licence: { name: 'Apache-2.0', path: 'LICENSE.txt' },
  files: [{ path: 'image.onnx', sha256: 'ff' }, { path: 'LICENSE.txt', sha256 }],
}));

test('a licence is its text: the same name with another text is another', () => {
  assert.equal(licenceKey(licensed('aa')), 'aa');
  assert.notEqual(licenceKey(licensed('aa')), licenceKey(licensed('bb')));
  assert.equal(licenceKey({ ...licensed('aa'), files: [] }), 'Apache-2.0');
  assert.equal(licenceKey(null), '');
});

test('what was agreed to for another text counts no more, nor does nonsense', () => {
  assert.deepEqual(licencesOf({ text: 3, licences: ['aa', 'bb'] }, 3), ['aa', 'bb']);
  assert.deepEqual(licencesOf({ text: 2, licences: ['aa'] }, 3), []);
  assert.deepEqual(licencesOf({ text: 3, licences: 'aa' }, 3), []);
  assert.deepEqual(licencesOf({ text: 3, licences: [7, null, 'aa'] }, 3), ['aa']);
});

test('agreed once, asked again for another licence, withdrawn for all', () => {
  assert.ok(!hasConsent(null));
  consent(licensed('aa'));
  assert.ok(hasConsent(licensed('aa')));
  assert.ok(hasConsent(null));
  assert.ok(!hasConsent(licensed('bb')));
  assert.ok(!hasConsent(licensed('aa'), 'models.example'), 'another site would see who comes');
  consent(licensed('aa'), 'models.example');
  assert.ok(hasConsent(licensed('aa'), 'models.example'));
  assert.ok(!hasConsent(licensed('aa'), 'elsewhere.example'));
  withdraw();
  assert.ok(!hasConsent(licensed('aa')));
});
