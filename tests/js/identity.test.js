import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { makeKey, signWith } from '../../webapp/identity/device-key.js';
import { fromBase64, toBase64 } from '../../webapp/identity/encoding.js';
import { identityOf, newIdentity, readIdentity } from '../../webapp/identity/identity.js';
import { accountOf, newPhrase, readPhrase } from '../../webapp/identity/phrase.js';
import {
  deleteStatement, deviceStatement, payoutStatement, revokeStatement, sessionStatement, statement,
} from '../../webapp/identity/statements.js';

/** Made by Python: tests/dva_agent/make_statements.py. @type {Record<string, string>[]} */
const CASES = JSON.parse(readFileSync(new URL('../dva_agent/statements.json', import.meta.url), 'utf8'));

for (const known of CASES) {
  test(`${known.algorithm}: the statements and the account are Python's`, async () => {
    const account = await accountOf(known.phrase);
    assert.equal(toBase64(account.key), known.account_key);
    const [challenge, deviceKey] = [fromBase64(known.challenge), fromBase64(known.device_key)];
    const { origin } = known;
    const device = deviceStatement(account.key, known.algorithm, deviceKey);
    assert.equal(toBase64(device), known.of_device);
    assert.equal(toBase64(sessionStatement(challenge, origin, deviceKey)), known.of_session);
    assert.equal(toBase64(revokeStatement(challenge, origin, known.device)), known.of_revocation);
    assert.equal(toBase64(deleteStatement(challenge, origin, known.device)), known.of_deletion);
    assert.equal(toBase64(payoutStatement(challenge, origin, known.address)), known.of_payout);
    assert.equal(toBase64(payoutStatement(challenge, origin, '')), known.of_no_payout);
    assert.equal(toBase64(await account.sign(device)), known.certificate);
  });
}

test('fields can\'t run into one another', () => {
  assert.notDeepEqual(statement('dva test 1', 'ab', 'c'), statement('dva test 1', 'a', 'bc'));
  assert.notDeepEqual(statement('dva test 1', 'a'), statement('dva test 1', 'a', ''));
});

test('a phrase is read as people write it', () => {
  const phrase = newPhrase();
  const words = phrase.split(' ');
  assert.equal(words.length, 12);
  const listed = words.map((word, i) => `${i + 1}. ${word[0].toUpperCase()}${word.slice(1)}`).join('\r\n');
  assert.deepEqual(readPhrase(` ${listed}\n`), { phrase, unknown: [] });
});

test('what isn\'t a phrase is told from one', () => {
  const [known] = CASES;
  assert.equal(readPhrase('').phrase, null);
  assert.equal(readPhrase(known.phrase.split(' ').slice(1).join(' ')).phrase, null);
  assert.equal(readPhrase(known.phrase.replace('about', 'abandon')).phrase, null, 'its checksum is wrong');
  assert.deepEqual(readPhrase(known.phrase.replace('about', 'aboot')), { phrase: null, unknown: ['aboot'] });
  assert.notEqual(newPhrase(), newPhrase());
});

/** @type {[import('../../webapp/identity/device-key.js').Algorithm, number, object, object][]} */
const ALGORITHMS = [
  ['ed25519', 32, { name: 'Ed25519' }, { name: 'Ed25519' }],
  ['p256', 65, { name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
];

for (const [algorithm, size, imported, verified] of ALGORITHMS) {
  test(`${algorithm}: a device's key signs, and can't be read out`, async () => {
    const key = await makeKey(algorithm);
    assert.equal(key.publicKey.length, size);
    assert.equal(key.privateKey.extractable, false);
    await assert.rejects(crypto.subtle.exportKey('pkcs8', key.privateKey));
    const said = statement('dva test 1', 'words');
    const signature = await signWith(key, said);
    assert.equal(signature.length, 64);
    const verifier = await crypto.subtle.importKey('raw', key.publicKey, /** @type {any} */ (imported), true, ['verify']);
    assert.ok(await crypto.subtle.verify(/** @type {any} */ (verified), verifier, signature, said));
    said[0] ^= 1;
    assert.ok(!(await crypto.subtle.verify(/** @type {any} */ (verified), verifier, signature, said)));
  });
}

test('a new identity keeps its phrase; of one account, each device has a key of its own', async () => {
  const first = await newIdentity();
  assert.ok(first.phrase);
  const second = await identityOf(first.phrase);
  assert.equal(second.phrase, null);
  assert.deepEqual(second.accountKey, first.accountKey);
  assert.notDeepEqual(second.deviceKey, first.deviceKey);
  const verifier = await crypto.subtle.importKey('raw', first.accountKey, { name: 'Ed25519' }, true, ['verify']);
  const said = deviceStatement(second.accountKey, second.algorithm, second.deviceKey);
  assert.ok(await crypto.subtle.verify({ name: 'Ed25519' }, verifier, second.certificate, said));
});

test('what was kept is an identity, or nobody', async () => {
  const identity = await newIdentity();
  assert.deepEqual(readIdentity(structuredClone(identity)), identity);
  assert.equal(readIdentity({ ...identity, phrase: 7 })?.phrase, null);
  assert.equal(readIdentity(undefined), null);
  assert.equal(readIdentity({ ...identity, privateKey: 'a key' }), null);
  assert.equal(readIdentity({ ...identity, algorithm: 'rsa' }), null);
  assert.equal(readIdentity({ ...identity, certificate: [1] }), null);
});
