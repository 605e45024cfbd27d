import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Pieces } from '../../webapp/ui/pieces.js';

const MERGES = readFileSync(new URL('../../static/models/demo-q8/tokenizer/merges.txt', import.meta.url), 'utf8');
const MERGE_COUNT = MERGES.split('\n').filter(Boolean).length;

test('bytes, bytes at the end of a word, merges, and the two that are no text', () => {
  const pieces = new Pieces(MERGES);
  assert.deepEqual(pieces.of(0), { text: '!', endsWord: false, special: false });
  assert.deepEqual(pieces.of(64), { text: 'a', endsWord: false, special: false });
  assert.deepEqual(pieces.of(256 + 64), { text: 'a', endsWord: true, special: false });
  const [first] = MERGES.split('\n');
  const piece = pieces.of(512);
  assert.equal(piece.text + (piece.endsWord ? '</w>' : ''), first.replace(' ', ''));
  assert.ok(!pieces.of(511 + MERGE_COUNT).special);
  assert.ok(pieces.of(512 + MERGE_COUNT).special);
});

test('part of a character is shown as its bytes', () => {
  const pieces = new Pieces('');
  const ids = Array.from({ length: 512 }, (_, id) => id);
  assert.ok(ids.some((id) => pieces.of(id).text === 'E2'));
  assert.ok(ids.some((id) => pieces.of(id).text === ' '));
});
