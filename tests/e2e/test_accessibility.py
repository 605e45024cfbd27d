"""Every state of the page, light and dark: nothing for axe-core to find, and nothing wider than the
screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import acting
from tests.e2e.axe import violations
from tests.e2e.serving import ingest, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAIRS = 600
UNIT_PAIRS = 32
WIDTHS = (320, 375, 1280, 2560)


@pytest.fixture(scope="module")
def origin(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its pictures aren't known to be safe: there is a blur, and a way to see behind it."""
    data = tmp_path_factory.mktemp("data")
    shards = tmp_path_factory.mktemp("shards")
    write_small_pool(shards, shards=1, pairs=PAIRS)
    beside = shards / "pool.json"
    beside.write_text(json.dumps({**json.loads(beside.read_bytes()), "safe": False}))
    ingest(shards, demo_bundle, data, unit_pairs=UNIT_PAIRS)
    with serving(data) as origin:
        yield origin


def check(page: Page, state: str) -> None:
    """Light and dark, and how wide it is on every screen."""
    for scheme in ("light", "dark"):
        # Without motion: a colour on its way to another, or a card that appears, is too faint.
        page.emulate_media(
            color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce"
        )
        assert violations(page) == [], f"{state}, {scheme}"
    size = page.viewport_size
    assert size is not None
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": size["height"]})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{state} is {wide} px wide on a screen of {width}"
    page.set_viewport_size(size)


def test_states(page: Page, origin: str) -> None:
    page.goto(f"{origin}/?rung=wasm")
    expect(page.locator("dva-pool .name")).not_to_be_empty()
    check(page, "first visit")
    acting.settings(page)
    check(page, "settings")
    page.locator("dva-you summary").click()
    check(page, "you")
    acting.press(page, "Start")
    check(page, "consent")
    acting.press(page, "I agree and start")
    acting.phase(page, "running")
    card = page.locator("dva-feed .card:not(.empty)")
    expect(card.first).to_be_visible()
    acting.press(page, "Hold still")
    check(page, "running")
    card.first.press("Enter")
    page.locator(".tokens summary").click()
    check(page, "a pair")
    acting.press(page, "Report")
    check(page, "a report")
    page.keyboard.press("Escape")
    acting.press(page, "Pause")
    acting.phase(page, "paused")
    check(page, "paused")
    for button, state in (
        ("Show my phrase", "a phrase"),
        ("I have a phrase", "a phrase to enter"),
        ("Forget this browser", "a question"),
    ):
        acting.press(page, button)
        check(page, state)
        page.keyboard.press("Escape")
    acting.press(page, "Stop")
    acting.phase(page, "stopped")
    check(page, "stopped")


@pytest.mark.parametrize("language", ["zh"])
def test_another_language(page: Page, origin: str, language: str) -> None:
    page.goto(f"{origin}/?rung=wasm&lang={language}")
    expect(page.locator("dva-pool .name")).not_to_be_empty()
    expect(page.locator("html")).to_have_attribute("lang", language)
    check(page, f"first visit in {language}")


def test_failed(page: Page, origin: str) -> None:
    page.route("**/api/v1/bundles/**/image.onnx", lambda route: route.fulfill(status=404))
    page.goto(f"{origin}/?rung=wasm")
    acting.start(page)
    acting.phase(page, "failed")
    check(page, "failed")


def test_without_colours_of_its_own(page: Page, origin: str) -> None:
    """Forced colours and more contrast."""
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    page.goto(f"{origin}/?rung=wasm")
    expect(page.locator("dva-pool .name")).not_to_be_empty()
    # axe reads -webkit-text-fill-color, which Chromium paints in a forced colour but tells as ours.
    assert violations(page, without=["color-contrast"]) == []
    page.emulate_media(forced_colors="none", contrast="more")
    assert violations(page) == []
