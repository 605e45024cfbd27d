"""The work as a contributor sees it: nothing moves, little is kept, a pair opens large."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import acting
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.serving import dva, ingest, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARDS = 4
PAIRS = 900
"""Of each shard. All of them are more than the quickest machine scores while a test watches."""
UNIT_PAIRS = 64
WATCH_MS = 8_000
AT_ONCE = 3
"""Pictures come in threes: others aren't held decoded, not even by the browser, as an <img> is."""
BETTER = re.compile(r"Better than \d+% of the [\d,]+ scores seen here\.")

WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) {
        const movers = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 80));
        window.shifts.push([entry.value, ...movers]);
      }
    }
  }).observe({ type: 'layout-shift', buffered: true });
  window.pictures = { decoded: 0, open: 0 };
  const decode = createImageBitmap;
  window.createImageBitmap = async (...what) => {
    const bitmap = await decode(...what);
    window.pictures.decoded += 1;
    window.pictures.open += 1;
    return bitmap;
  };
  const { close } = ImageBitmap.prototype;
  ImageBitmap.prototype.close = function () {
    window.pictures.open -= 1;
    close.call(this);
  };
}"""


@pytest.fixture(scope="module")
def data(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("live")
    shards = data / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=SHARDS, pairs=PAIRS)
    ingest(shards, demo_bundle, data, unit_pairs=UNIT_PAIRS)
    return data


@pytest.fixture(scope="module")
def origin(app: None, data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


@pytest.fixture(scope="module")
def visit(chromium: Browser, origin: str) -> Iterator[Page]:
    """One page for all: to begin takes longest."""
    with chromium.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.add_init_script(f"({WATCH})()")
        page.goto(f"{origin}/?rung=wasm&power=normal")
        acting.start(page)
        yield page


@pytest.fixture
def running(visit: Page) -> Page:
    acting.phase(visit, "running")
    return visit


def counted(page: Page) -> int:
    """How many pairs the feed says were scored."""
    hint = page.locator("dva-feed > .hint").first.inner_text()
    found = re.search(r"([\d,]+) pairs scored here", hint)
    assert found, hint
    return int(found[1].replace(",", ""))


def test_nothing_moves_and_little_is_kept(running: Page) -> None:
    page = running
    cards = page.locator("dva-feed .card:not(.empty)")
    expect(cards.first).to_be_visible()
    page.wait_for_timeout(WATCH_MS)
    assert page.evaluate("window.shifts") == []
    pictures = page.evaluate("window.pictures")
    assert pictures["decoded"] > AT_ONCE >= pictures["open"]
    assert page.locator("dva-feed img").count() == 0
    before = counted(page)
    acting.press(page, "Hold still")
    stays = cards.all_inner_texts()
    page.wait_for_timeout(4000)
    assert cards.all_inner_texts() == stays
    acting.press(page, "Hold still")
    expect(page.locator("dva-feed > .hint").first).not_to_contain_text(f"{before:,} pairs")
    assert counted(page) > before
    # The charts say in words what they draw.
    expect(page.locator("dva-spread figcaption")).to_contain_text("scores. The middle one is")
    expect(page.locator("dva-pace figcaption")).to_contain_text("pairs a second just now")
    assert page.locator("dva-spread .bars rect:not([height='0%'])").count() > 5


def test_the_estimate_of_what_it_takes(running: Page, origin: str) -> None:
    """Received is what the browser measured; energy is a guess, and the page says from what."""
    figures = running.locator("dva-numbers dd")
    expect(figures.nth(3)).to_have_text(re.compile(r"^\d+(\.\d)? MB$"))
    expect(figures.nth(4)).to_have_text(re.compile(r"^0\.\d\d Wh$"))
    expect(running.locator("dva-numbers")).to_contain_text("15 watts more than at rest")
    with urllib.request.urlopen(f"{origin}/api/v1/status") as answer:
        assert json.load(answer)["pools"][0]["pairs"] >= PAIRS


def test_a_pair_large(running: Page, data: Path) -> None:
    page = running
    cards = page.locator("dva-feed .card:not(.empty)")
    expect(cards.nth(5)).to_be_visible()
    # What is under way is scored to its end after a pause, and would still be shown.
    acting.press(page, "Hold still")
    acting.press(page, "Pause")
    acting.phase(page, "paused")
    shown, card = cards.count(), cards.nth(1)
    caption, score = card.locator(".caption").inner_text(), card.locator(".score").inner_text()
    card.press("Enter")
    dialog = page.locator("dialog.pair")
    expect(dialog.locator(".whole")).to_have_text(caption)
    expect(dialog.locator(".large")).to_contain_text(score)
    expect(dialog.locator(".rank")).to_have_text(BETTER)
    dialog.locator(".tokens summary").click()
    pieces = dialog.locator(".piece .text")
    expect(pieces.first).to_have_text("start")
    expect(pieces.last).to_have_text("end")
    words = re.findall(r"[a-z]+", caption.lower())
    assert words[0].startswith(pieces.nth(1).inner_text())

    page.keyboard.press("ArrowLeft")
    expect(dialog.locator(".whole")).not_to_have_text(caption)
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".whole")).to_have_text(caption)

    uid = dialog.locator(".facts dd").last.inner_text()
    acting.press(page, "Report")
    expect(dialog.get_by_label("Why should nobody be shown this pair?")).to_be_focused()
    dialog.get_by_label("Why should nobody be shown this pair?").select_option("violence")
    page.route("**/api/v1/reports", lambda route: route.abort())
    acting.press(page, "Send report")
    expect(dialog.locator(".said")).to_contain_text("nothing was reported")
    page.unroute("**/api/v1/reports")
    acting.press(page, "Send report")
    expect(dialog.locator(".said")).to_contain_text("Thank you.")
    expect(dialog.locator(".whole")).to_be_empty()
    expect(dialog.locator("canvas:visible")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(cards).to_have_count(shown - 1)
    assert uid in dva("reports", "list", "--data", str(data))
