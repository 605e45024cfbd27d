"""Nothing runs before the visitor has read what would, and agreed; once, until that changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.acting import phase, press, settings, start
from tests.e2e.serving import ingest, pool_status, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHEET = "dva-consent dialog"
CHANGE = """(change) => {
  const agreed = JSON.parse(localStorage.getItem('dva.consent'));
  localStorage.setItem('dva.consent', JSON.stringify({ ...agreed, ...change }));
}"""
KEPT_BACK = ("/v1/devices", "/v1/leases", "pyodide")
"""What isn't asked for before the visitor has agreed."""


@pytest.fixture(scope="module")
def origin(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server whose pool nobody has checked."""
    data = tmp_path_factory.mktemp("consent")
    shards = data / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=1, pairs=40)
    beside = shards / "pool.json"
    beside.write_text(json.dumps({**json.loads(beside.read_bytes()), "safe": False}))
    ingest(shards, demo_bundle, data, unit_pairs=16)
    with serving(data) as origin:
        yield origin


def test_asked_before_the_first_start(page: Page, asked: list[str], origin: str) -> None:
    page.goto(f"{origin}/?rung=wasm")
    press(page, "Start")
    sheet = page.locator(SHEET)
    expect(sheet).to_be_visible()
    model = "DVA emoji demo"
    for words in (model, "MB for the model", "kB a pair", "the public keys of both", "Apache-2.0"):
        expect(sheet).to_contain_text(words)
    expect(sheet).to_contain_text("nobody has checked its pictures")
    press(page, "Not now")
    expect(sheet).to_be_hidden()
    phase(page, "idle")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    assert [url for url in asked if any(part in url for part in KEPT_BACK)] == []

    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    phase(page, "idle")


def test_no_start_before_it_can_be_asked(context: BrowserContext, page: Page, origin: str) -> None:
    """Pressed while the page still read its keys, Start began a run that nobody had agreed to, and
    that waited for an agreement which nobody asked for."""
    other = context.new_page()
    other.goto(origin)
    other.evaluate(
        """() => new Promise((held) => navigator.locks.request('dva.identity', () => {
          held(null);
          return new Promise((free) => { window.free = free; });
        }))"""
    )
    page.goto(f"{origin}/?rung=wasm")
    expect(page.locator("dva-controls .button.primary").first).to_be_disabled()
    other.evaluate("() => window.free()")
    press(page, "Start")
    expect(page.locator(SHEET)).to_be_visible()
    phase(page, "idle")


def test_agreed_once_a_browser_until_withdrawn(
    context: BrowserContext, page: Page, origin: str
) -> None:
    page.goto(f"{origin}/?rung=wasm")
    start(page)
    phase(page, "booting")
    page.close()

    second = context.new_page()
    second.goto(f"{origin}/?rung=wasm")
    press(second, "Start")
    phase(second, "booting")
    expect(second.locator(SHEET)).to_be_hidden()
    settings(second)
    press(second, "What I agreed to")
    expect(second.get_by_role("button", name="I agree and start", exact=True)).to_be_hidden()
    press(second, "Close")
    press(second, "Withdraw my consent")
    phase(second, "stopped")
    assert pool_status(origin)["units_leased"] == 0
    press(second, "Start again")
    expect(second.locator(SHEET)).to_be_visible()


def test_asked_again_when_it_changes(context: BrowserContext, page: Page, origin: str) -> None:
    page.goto(f"{origin}/?rung=wasm")
    start(page)
    phase(page, "booting")
    page.close()

    changed: dict[str, dict[str, object]] = {
        "This has changed since you agreed": {"licences": ["0" * 64]},
        "Before the first start": {"text": 0},
    }
    for title, change in changed.items():
        later = context.new_page()
        later.goto(f"{origin}/?rung=wasm")
        later.evaluate(CHANGE, change)
        later.reload()
        press(later, "Start")
        expect(later.get_by_role("dialog", name=title)).to_be_visible()
        later.close()
