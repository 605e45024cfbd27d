"""In a tab too a pair's score is its own, whatever shares its batch: tests/export has the property
for every kind of weights, this is the engine of the tab on wasm."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from dva_agent.bundle import MANIFEST, decode_manifest
from playwright.sync_api import Page

from tests.export.inputs import inputs_for

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAIRS = 8
LARGEST_CHANGE = 1e-6
SCORE = """async ([pixels, ids, ends]) => {
  const { openEngine } = await import('/static/app/engine/engine.js');
  const { pools: [pool] } = await (await fetch('/api/v1/status')).json();
  const url = location.origin + pool.bundle_url;
  const manifest = await (await fetch(url + 'manifest.json')).json();
  const engine = await openEngine('wasm', manifest, url, () => {});

  const pictures = Uint8Array.fromBase64(pixels);
  const picture = pictures.length / ids.length;
  const score = async (rows, length) => {
    const data = new Uint8Array(rows.length * picture);
    const tokens = new Int32Array(rows.length * length);
    rows.forEach((row, place) => {
      data.set(pictures.subarray(row * picture, (row + 1) * picture), place * picture);
      tokens.set(ids[row].slice(0, length), place * length);
    });
    const images = await engine.encodeImages({ rows: rows.length, data });
    const texts = await engine.encodeTexts(tokens, rows.length, length);
    return engine.similarity(images, [texts], Int32Array.from(rows.keys()));
  };

  const all = [...ids.keys()];
  const alone = [];
  for (const row of all) alone.push((await score([row], ends[row]))[0]);
  const batches = [all, all.toReversed(), [3, 3, 3], [5, 0], [1, 2, 4, 6, 7]];
  const changes = [];
  for (const rows of batches) {
    const together = await score(rows, ids[0].length);
    changes.push(Math.max(...rows.map((row, place) => Math.abs(together[place] - alone[row]))));
  }
  await engine.close();
  return { changes, spread: Math.max(...alone) - Math.min(...alone) };
}"""


def test_a_score_depends_on_nothing_but_its_pair(
    page: Page, origin: str, demo_bundle: Path
) -> None:
    manifest = decode_manifest((demo_bundle / MANIFEST).read_bytes())
    inputs, ends = inputs_for(manifest, count=PAIRS, seed=1)
    inputs.pixels[0] = 0
    pixels = base64.b64encode(inputs.pixels.tobytes()).decode()
    page.goto(origin)
    with page.expect_worker() as started:
        page.evaluate("new Worker('/static/app/engine/pixels-worker.js', { type: 'module' }), 0")
    answer = started.value.evaluate(SCORE, [pixels, inputs.ids.tolist(), ends])
    assert answer["spread"] > 0.01
    assert max(answer["changes"]) <= LARGEST_CHANGE, answer
