"""What is going on, in a real browser: the operator's live charts, and the page for everybody."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import axe
from tests.e2e.serving import ROOT, dva, ingest, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = pytest.mark.browser

BUNDLE = ROOT / "static" / "models" / "demo-q8"
PASSWORD = "correct horse battery"
WIDTHS = (320, 1280, 2560)
A_POLL_MS = 11_000
"""The page renews itself every ten seconds."""
POLLS_MS = 60_000


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an account, and a pool some of whose pairs are scored."""
    data = tmp_path_factory.mktemp("data")
    shards = write_small_pool(tmp_path_factory.mktemp("shards"), shards=2, pairs=12)
    ingest(shards, BUNDLE, data, unit_pairs=4)
    subprocess.run(
        [ROOT / ".venv/bin/dva", "admin", "create", "alice", "--password-stdin", "--data", data],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
        env=os.environ,
    )
    with serving(data) as running:
        score(running)
        yield running


def score(origin: str) -> None:
    dva("agent", "--server", origin, "--units", "2", "--threads", "1")


def sign_in(page: Page, origin: str) -> None:
    page.goto(origin + "/admin")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def heights(page: Page) -> list[float]:
    return [box["height"] for each in page.locator(".plot").all() if (box := each.bounding_box())]


def test_charts_renew_themselves_and_nothing_moves(chromium: Browser, origin: str) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        still = context.new_page()
        sign_in(still, origin)
        before = heights(still)
        expect(still.locator("[data-pause]")).to_be_hidden()
        expect(still.get_by_role("img", name="Leases held over the last hour")).to_be_visible()
    with chromium.new_context() as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        sign_in(page, origin)
        expect(page.locator(".plot canvas")).to_have_count(len(before))
        assert heights(page) == before
        results = page.locator('[data-figure="results"]')
        expect(results).to_have_text("2")
        page.evaluate("window.loaded = true")
        score(origin)
        expect(results).to_have_text("4", timeout=POLLS_MS)
        page.get_by_text("The same as a table").click()
        cells = page.locator("[data-rows] tr td:nth-child(3)")
        assert sum(int(text) for text in cells.all_inner_texts()) == 4
        assert page.evaluate("window.loaded")
        assert axe.violations(page) == []
        fits(page)
        expect(page.locator(".plot canvas")).to_have_count(len(before))
        page.get_by_role("button", name="Stop updating").press("Enter")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(A_POLL_MS)
        assert asked == []
        page.get_by_role("button", name="Sign out").click()
        assert wrong == []


def test_who_is_signed_out_is_told_so(chromium: Browser, origin: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        sign_in(page, origin)
        expect(page.locator(".plot canvas").first).to_be_visible()
        context.clear_cookies()
        page.get_by_role("button", name="Stop updating").click()
        page.get_by_role("button", name="Go on updating").click()
        expect(page.get_by_text("You are signed out: load the page anew.")).to_be_visible()


@pytest.mark.parametrize(
    ("scheme", "tag", "title"), [("light", "en", "Status"), ("dark", "zh", "状态")]
)
def test_the_page_for_everybody(
    chromium: Browser, origin: str, scheme: Literal["light", "dark"], tag: str, title: str
) -> None:
    with chromium.new_context(
        color_scheme=scheme, java_script_enabled=tag == "zh", locale=tag
    ) as context:
        page = context.new_page()
        page.goto(origin + "/status")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.get_by_role("img")).to_have_count(1)
        fits(page)
        if tag == "zh":
            page.locator("summary").press("Enter")
            assert axe.violations(page) == []
        other = {"en": "中文", "zh": "English"}[tag]
        page.get_by_role("link", name=other).click()
        expect(page.get_by_role("heading", level=1)).not_to_have_text(title)
