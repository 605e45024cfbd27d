import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkNorms, similarity } from '../../webapp/engine/embeddings.js';

const rows = (/** @type {number[][]} */ values) => ({
  rows: values.length, dim: values[0].length, data: new Float32Array(values.flat()),
});

test('rows of unit norm pass', () => {
  checkNorms(rows([[0.6, 0.8], [-1, 0]]), 'x');
});

for (const [name, bad] of Object.entries({
  zero: [0, 0], long: [0.7, 0.8], 'not a number': [NaN, 1], infinite: [Infinity, 0],
})) {
  test(`a row that is ${name} is a fault`, () => {
    assert.throws(() => checkNorms(rows([[1, 0], bad]), 'x'), { code: 'numeric_fault' });
  });
}

test('too few numbers are a fault', () => {
  assert.throws(() => checkNorms({ rows: 2, dim: 2, data: new Float32Array(2) }, 'x'), { code: 'numeric_fault' });
});

test('each image meets its text, wherever that lies', () => {
  const texts = [rows([[1, 0]]), rows([[0, 1], [0.6, 0.8]])];
  const found = similarity(rows([[1, 0], [0, 1], [0.6, 0.8]]), texts, new Int32Array([2, 0, 2]));
  assert.deepEqual([...found].map((x) => Math.round(x * 1e6) / 1e6), [0.6, 0, 1]);
});

test('a row that is not there is an error', () => {
  assert.throws(() => similarity(rows([[1, 0]]), [rows([[1, 0]])], new Int32Array([1])), { code: 'engine_failed' });
});
