import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { DEMANDS, LADDER, filesOf, isTabRung } from '../../webapp/engine/rungs.js';

const DEMO = JSON.parse(readFileSync('static/models/demo-q8/manifest.json', 'utf8'));
const paths = (/** @type {string} */ rung) => filesOf(DEMO, rung).map(({ path }) => path);

test('from the fastest down to what runs everywhere', () => {
  assert.deepEqual(LADDER, ['webgpu-f16-fused', 'webgpu-f16', 'webgpu-f32-fused', 'webgpu-f32', 'wasm']);
  assert.ok(LADDER.every(isTabRung));
  assert.deepEqual(LADDER.filter((rung) => isTabRung(rung) && DEMANDS[rung].half), LADDER.slice(0, 2));
  assert.ok(!['native', 'python', 'toString'].some(isTabRung));
});

test('a rung needs its own graphs and data, and nothing of another', () => {
  const has = LADDER.filter((rung) => rung in DEMO.rungs);
  assert.ok(has.includes('wasm'));
  for (const rung of has) {
    const { image, text } = DEMO.rungs[rung];
    const own = [image, text].flatMap(({ path, data_paths }) => [path, ...data_paths]);
    assert.deepEqual(paths(rung).sort(), own.sort(), rung);
    // A step down the ladder brings two small graphs and no weights.
    const graphs = paths(rung).filter((path) => !paths('wasm').includes(path));
    assert.ok(graphs.every((path) => path.endsWith('.onnx')), rung);
  }
  assert.deepEqual(paths('abacus'), []);
});
