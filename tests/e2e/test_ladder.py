"""Where there is no WebGPU, the tab says so and goes on with WebAssembly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import executable, sandbox_flags
from tests.e2e import acting
from tests.e2e.serving import ingest, pool_status, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000


@pytest.fixture
def plain(chromium: Browser) -> Iterator[BrowserContext]:
    """A Chromium that is given no WebGPU."""
    launch = chromium.browser_type.launch
    browser = launch(executable_path=executable(), args=[*sandbox_flags(), "--disable-gpu"])
    yield browser.new_context(reduced_motion="reduce")
    browser.close()


@pytest.fixture
def origin(app: None, demo_bundle: Path, tmp_path: Path) -> Iterator[str]:
    shards = tmp_path / "shards"
    shards.mkdir()
    ingest(write_small_pool(shards, shards=1, pairs=8), demo_bundle, tmp_path, unit_pairs=256)
    with serving(tmp_path) as origin:
        yield origin


def start(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.set_default_timeout(PATIENCE_MS)
    acting.start(page)
    return page


def test_down_to_wasm(plain: BrowserContext, origin: str) -> None:
    page = start(plain, f"{origin}/?until=drained")
    phase = page.locator("dva-controls .phase")
    expect(phase).to_have_attribute("data-phase", "drained", timeout=PATIENCE_MS)
    expect(page.locator("dva-where")).to_contain_text("WebAssembly on the processor")
    expect(page.locator("dva-notices")).to_contain_text("WebGPU, 32-bit floats.")
    assert pool_status(origin)["units_done"] == 1


def test_nothing_left_to_try(plain: BrowserContext, origin: str) -> None:
    page = start(plain, f"{origin}/?rung=webgpu-f32")
    phase = page.locator("dva-controls .phase")
    expect(phase).to_have_attribute("data-phase", "failed", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator("dva-notices")).to_contain_text("Use a current Chrome")
    assert pool_status(origin)["units_leased"] == 0
