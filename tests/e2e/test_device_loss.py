"""A lost graphics card is told as such, and a new engine opens in the same Worker."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOSE = """async () => {
  const { openEngine } = await import('/static/app/engine/engine.js');
  const { pools: [pool] } = await (await fetch('/api/v1/status')).json();
  const url = location.origin + pool.bundle_url;
  const manifest = await (await fetch(url + 'manifest.json')).json();
  const devices = [];
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    devices.push([await request.call(this, descriptor), descriptor]);
    return devices.at(-1)[0];
  };
  const size = manifest.preprocessing.size;
  const pixels = () => ({ rows: 1, data: new Uint8Array(3 * size * size).fill(99) });

  const first = await openEngine('webgpu-f32', manifest, url, () => {});
  const before = await first.encodeImages(pixels());
  devices[0][0].destroy();
  await devices[0][0].lost;
  const code = await first.encodeImages(pixels()).then(() => 'none', (error) => error.code);
  await first.close();

  const second = await openEngine('webgpu-f32', manifest, url, () => {});
  const after = await second.encodeImages(pixels());
  await second.close();
  const difference = Math.max(...before.data.map((x, i) => Math.abs(x - after.data[i])));
  const features = devices.flatMap(([, descriptor]) => [...(descriptor.requiredFeatures ?? [])]);
  return { code, difference, features, devices: devices.length };
}"""


def test_lost_and_opened_again(page: Page, origin: str) -> None:
    page.goto(origin)
    with page.expect_worker() as started:
        page.evaluate("new Worker('/static/app/engine/pixels-worker.js', { type: 'module' }), 0")
    answer = started.value.evaluate(LOSE)
    assert answer["code"] == "device_lost"
    assert answer["difference"] == 0
    assert answer["devices"] == 2
    assert answer["features"] == []
