"""From Start to Parquet, on WebGPU and on wasm, against the native engine with the same bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.serving import dva, ingest, pool_status, scores, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARDS = 3
PAIRS = 16
TOLERANCE = 1e-3
PATIENCE_MS = 400_000
"""Shaders are compiled and run in software, on a machine that may be busy."""
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
        dva("agent", "--server", origin, "--cache", str(data / "cache"))
    return scores(data, data / "scores")


@pytest.fixture
def data(small_pool: Path, demo_bundle: Path, tmp_path: Path) -> Path:
    ingest(small_pool, demo_bundle, tmp_path, unit_pairs=256)
    return tmp_path


@pytest.fixture
def origin(app: None, data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


@pytest.mark.parametrize("rung", ["webgpu-f32", "wasm"])
def test_scores_are_the_native_engines(
    page: Page, asked: list[str], origin: str, data: Path, native: Scores, rung: str
) -> None:
    page.goto(f"{origin}/?rung={rung}&until=drained")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("dva-controls .phase")).to_have_attribute(
        "data-phase", "drained", timeout=PATIENCE_MS
    )
    expect(page.locator("dva-where .passed")).to_contain_text("passed: 40 known pairs")
    expect(page.locator("dva-feed .card:not(.empty)").first).to_be_visible()
    expect(page.locator("dva-notices")).to_be_hidden()
    assert [address for address in asked if not address.startswith((origin, "blob:"))] == []

    status = pool_status(origin)
    assert status["units_done"] == SHARDS
    found = scores(data, data / "scores")
    assert found.keys() == native.keys()
    assert {row["rung"] for row in found.values()} == {rung}
    assert {uid: row["status"] for uid, row in found.items()} == {
        uid: row["status"] for uid, row in native.items()
    }
    scored = [uid for uid, row in native.items() if row["status"] == "scored"]
    assert len(scored) >= SHARDS * PAIRS
    assert max(abs(found[uid]["score"] - native[uid]["score"]) for uid in scored) <= TOLERANCE
