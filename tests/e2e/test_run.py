"""From Start to Parquet, on WebGPU and on wasm: the scores of the native engine with the same
bundle, and of open_clip in torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from dva_agent.bundle import MANIFEST, decode_manifest
from playwright.sync_api import Page, expect

from export.loading import load
from export.reference import reference_embeddings, reference_inputs
from tests.e2e.acting import phase, start
from tests.e2e.serving import POOL, ROOT, dva, ingest, pool_status, scores, serving
from tests.e2e.small_pool import whole_pairs, write_small_pool
from tests.firefox import Firefox
from tests.server.far import far, s3_settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARDS = 3
PAIRS = 6
TOLERANCE = 1e-3
PATIENCE_MS = 400_000
"""Shaders are compiled and run in software, on a machine that may be busy."""
TO_THE_END = """async () => {
  const found = async (find) => {
    for (;;) {
      const it = find();
      if (it) return it;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const button = (name) => () => [...document.querySelectorAll('button')].find((it) =>
    it.textContent.trim() === name && !it.disabled && it.checkVisibility());
  (await found(button('Start'))).click();
  (await found(button('I agree and start'))).click();
  const ended = '.phase:is([data-phase=drained], [data-phase=failed])';
  const phase = await found(() => document.querySelector(`dva-controls ${ended}`));
  const said = (name) => document.querySelector(name).textContent;
  return [phase.dataset.phase, said('dva-where'), said('dva-notices')];
}"""
COUNTED = """async (url) => {
  const { watchTraffic } = await import('/static/app/engine/traffic.js');
  const { get } = await import('/static/app/engine/http.js');
  let bytes = 0;
  watchTraffic((more) => { bytes += more; });
  const rest = () => new Promise((resolve) => setTimeout(resolve, 500));
  // The page goes on asking how the pools stand.
  const others = () => performance.getEntriesByType('resource')
    .reduce((sum, { name, transferSize }) => name === url ? sum : sum + transferSize, 0);
  await rest();
  const before = bytes - others();
  const { length } = await get(url, { start: 512, size: 1024 });
  await rest();
  return [length, bytes - others() - before];
}"""
"""Bytes of a shard that came, and how many of them the visitor's limit counts."""
Scores = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def small_pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_pool(tmp_path_factory.mktemp("pool"), shards=SHARDS, pairs=PAIRS)


@pytest.fixture(scope="module")
def native(
    app: None, small_pool: Path, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Scores:
    """What the native agent makes of the pool."""
    data = tmp_path_factory.mktemp("native")
    ingest(small_pool, demo_bundle, data, unit_pairs=256)
    with serving(data) as origin:
        dva("agent", "--server", origin, "--cache", str(data / "cache"), "--threads", "1")
    return scores(data, data / "scores")


@pytest.fixture(scope="module")
def fp32_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo network, exported without quantization."""
    folder = tmp_path_factory.mktemp("bundle") / "demo-fp32"
    command = [sys.executable, str(ROOT / "export" / "build_onnx.py"), "--model", "demo"]
    subprocess.run(
        [*command, "--weights", "fp32", "--unmeasured", "--out", str(folder)], check=True
    )
    return folder


def by_torch(shards: Path, uids: Sequence[str]) -> dict[str, float]:
    """What open_clip's own tokenizer, transform and network make of some pairs."""
    pairs = {uid: (picture, caption) for uid, picture, caption in whole_pairs(shards)}
    loaded = load("demo")
    pictures, captions = zip(*(pairs[uid] for uid in uids), strict=True)
    inputs = reference_inputs(loaded, pictures, captions)
    images, texts = reference_embeddings(loaded, inputs)
    return dict(zip(uids, (images * texts).sum(axis=1).tolist(), strict=True))


def run_to_the_end(page: Page, origin: str, rung: str) -> None:
    page.goto(f"{origin}/?rung={rung}&until=drained&power=full")
    start(page)
    phase(page, "drained", timeout=PATIENCE_MS)
    assert pool_status(origin)["units_done"] == SHARDS


def hold_to_native(found: Scores, native: Scores, rung: str) -> None:
    assert {row["rung"] for row in found.values()} == {rung}
    assert {uid: row["status"] for uid, row in found.items()} == {
        uid: row["status"] for uid, row in native.items()
    }
    scored = [uid for uid, row in native.items() if row["status"] == "scored"]
    assert len(scored) >= SHARDS * PAIRS
    assert max(abs(found[uid]["score"] - native[uid]["score"]) for uid in scored) <= TOLERANCE


@pytest.mark.parametrize(("rung", "serve"), [("webgpu-f32", "server"), ("wasm", "bucket")])
def test_scores_are_the_native_engines(
    page: Page,
    asked: list[str],
    small_pool: Path,
    demo_bundle: Path,
    native: Scores,
    tmp_path: Path,
    rung: str,
    serve: str,
) -> None:
    """Wherever the shards come from."""
    (tmp_path / "far" / "bucket").mkdir(parents=True)
    shutil.copytree(small_pool, tmp_path / "far" / "bucket" / "pool")
    data = tmp_path / "data"
    with far(tmp_path / "far") as there:
        told = s3_settings(there)
        options = ("--serve", serve)
        ingest("s3://bucket/pool", demo_bundle, data, *options, unit_pairs=256, **told)
        with serving(data, **told) as origin:
            run_to_the_end(page, origin, rung)
            expect(page.locator("dva-where .passed")).to_contain_text("passed: 40 known pairs")
            expect(page.locator("dva-feed .card:not(.empty)").first).to_be_visible()
            expect(page.locator("dva-notices")).to_be_hidden()
            others = [url for url in asked if not url.startswith((origin, "blob:"))]
            shards = [f"/bucket/pool/{number:05d}.tar" for number in range(SHARDS)]
            expected = shards if serve == "bucket" else []
            assert sorted(urlsplit(url).path for url in others) == sorted(there.signed) == expected
            assert not [url for url in asked if url.endswith("?here")]
            names = {urlsplit(address).path.rsplit("/", 1)[-1] for address in asked}
            of_its_own = decode_manifest((demo_bundle / MANIFEST).read_bytes()).rungs[rung].paths
            found = {name for name in names if name.endswith((".onnx", ".bin"))}
            assert found == set(of_its_own)
            if serve == "bucket":
                address = f"{origin}/api/v1/pools/{POOL}/shards/00000.tar"
                assert page.evaluate(COUNTED, address) == [1024, 1024]
    hold_to_native(scores(data, tmp_path / "scores"), native, rung)


def test_16_bits_in_another_browser(
    firefox: Firefox, small_pool: Path, demo_bundle: Path, native: Scores, tmp_path: Path
) -> None:
    """The whole tab in Firefox: its decoder and canvas, its storage, its WebGPU with fp16."""
    rung = "webgpu-f16-fused"
    ingest(small_pool, demo_bundle, tmp_path, unit_pairs=256)
    with serving(tmp_path) as origin:
        firefox.goto(f"{origin}/?rung={rung}&until=drained&power=full")
        ending, where, notices = firefox.evaluate(TO_THE_END)
        assert (ending, notices) == ("drained", "")
        assert "WebGPU, 16-bit floats, fused" in where
        assert "passed: 40 known pairs" in where
    hold_to_native(scores(tmp_path, tmp_path / "scores"), native, rung)


@pytest.mark.parametrize("rung", ["webgpu-f32-fused", "wasm"])
def test_fp32_scores_are_open_clips(
    page: Page, app: None, small_pool: Path, fp32_bundle: Path, tmp_path: Path, rung: str
) -> None:
    ingest(small_pool, fp32_bundle, tmp_path, unit_pairs=256)
    with serving(tmp_path) as origin:
        run_to_the_end(page, origin, rung)
    found = scores(tmp_path, tmp_path / "scores")
    scored = [uid for uid, row in found.items() if row["status"] == "scored"]
    assert len(scored) >= SHARDS * PAIRS
    expected = by_torch(small_pool, scored)
    assert max(abs(found[uid]["score"] - expected[uid]) for uid in scored) <= TOLERANCE
