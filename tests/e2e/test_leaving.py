"""Pausing, closing the tab and a second tab lose nothing and count nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import acting
from tests.e2e.acting import phase, press
from tests.e2e.serving import ingest, pool_status, scores, serving, until
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARDS = 2
PAIRS = 150
UNIT_PAIRS = 16
DRAINED_MS = 300_000
"""The machine may be busy."""
ADDRESS = "?rung=wasm&until=drained&power=full"


@pytest.fixture
def data(demo_bundle: Path, tmp_path: Path) -> Path:
    shards = tmp_path / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=SHARDS, pairs=PAIRS)
    ingest(shards, demo_bundle, tmp_path, unit_pairs=UNIT_PAIRS)
    return tmp_path


@pytest.fixture
def origin(app: None, data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


@pytest.fixture
def hasty_origin(app: None, data: Path) -> Iterator[str]:
    """Its leases end soon. A result that is under way when a page is closed may bring leases
    that nobody hears of: only their deadline gives them back."""
    with serving(data, DVA_LEASE_SECONDS="15") as origin:
        yield origin


def start(page: Page, origin: str) -> None:
    page.goto(f"{origin}/{ADDRESS}")
    acting.start(page)


def some_done(origin: str, units: int = 2) -> None:
    """So many more."""
    wanted = pool_status(origin)["units_done"] + units
    until(lambda: pool_status(origin)["units_done"] >= wanted, seconds=120)


def counted(page: Page) -> int:
    """What the browser says it has had scored."""
    return int(page.evaluate("JSON.parse(localStorage.getItem('dva.totals') ?? '{}').ever ?? 0"))


def pause(page: Page) -> None:
    press(page, "Pause")
    phase(page, "paused")
    # What had been computed before the pause may still be on its way.
    page.wait_for_timeout(1500)


def finish(page: Page, origin: str, data: Path) -> None:
    """Start in a new tab, and see that every pair ends with one score."""
    start(page, origin)
    phase(page, "drained", timeout=DRAINED_MS)
    finished = pool_status(origin)
    assert finished["pairs_done"] == finished["pairs"]
    assert len(scores(data, data / "scores")) == finished["pairs"]
    # Stored and not counted is possible: the answer came when the page was gone. Never the reverse.
    assert finished["pairs"] - 4 * UNIT_PAIRS <= counted(page) <= finished["pairs"]


def test_a_pause_loses_nothing_and_a_closed_tab_gives_its_work_back_at_once(
    context: BrowserContext, page: Page, origin: str, data: Path
) -> None:
    start(page, origin)
    some_done(origin)
    pause(page)
    before = pool_status(origin)
    assert before["units_leased"] > 0
    page.wait_for_timeout(2000)
    after = pool_status(origin)
    assert (after["units_done"], after["units_leased"]) == (
        before["units_done"],
        before["units_leased"],
    )
    press(page, "Resume")
    some_done(origin)
    pause(page)
    assert pool_status(origin)["units_leased"] > 0
    assert counted(page) == pool_status(origin)["pairs_done"]
    page.close(run_before_unload=True)
    until(lambda: pool_status(origin)["units_leased"] == 0)
    last = context.new_page()
    finish(last, origin, data)
    assert counted(last) == pool_status(origin)["pairs"]


def test_leaving_in_the_middle(
    context: BrowserContext, page: Page, hasty_origin: str, data: Path
) -> None:
    start(page, hasty_origin)
    some_done(hasty_origin)
    page.goto("about:blank")
    until(lambda: pool_status(hasty_origin)["units_leased"] == 0)

    second = context.new_page()
    start(second, hasty_origin)
    some_done(hasty_origin)
    press(second, "Stop")
    phase(second, "stopped")
    until(lambda: pool_status(hasty_origin)["units_leased"] == 0)
    finish(context.new_page(), hasty_origin, data)


def test_who_is_forgotten_works_in_no_tab(context: BrowserContext, page: Page, origin: str) -> None:
    start(page, origin)
    some_done(origin)
    second = context.new_page()
    second.goto(f"{origin}/{ADDRESS}")
    second.locator("dva-you summary").click()
    press(second, "Forget this browser")
    press(second, "Forget")
    expect(second.locator("dva-you .said")).to_contain_text("Forgotten")
    phase(page, "taken")
    until(lambda: pool_status(origin)["units_leased"] == 0)
    press(page, "Start again")
    phase(page, "running")


def test_one_tab_at_a_time(context: BrowserContext, page: Page, origin: str) -> None:
    start(page, origin)
    some_done(origin)

    second = context.new_page()
    second.goto(f"{origin}/{ADDRESS}")
    expect(second.get_by_text("Another tab of this browser is at work.").first).to_be_visible()
    expect(second.get_by_role("button", name="Start", exact=True)).to_be_hidden()
    take = second.get_by_role("button", name="Take over here", exact=True)
    expect(take).not_to_be_focused()
    take.press("Enter")
    expect(second.locator("dva-controls .primary").first).to_be_focused()
    phase(page, "taken")
    phase(second, "running")
    press(second, "Pause")
    phase(second, "paused")

    third = context.new_page()
    third.goto(f"{origin}/{ADDRESS}")
    press(third, "Wait until it ends")
    expect(third.get_by_text("Waiting for the other tab to end.")).to_be_visible()
    press(second, "Stop")
    phase(second, "stopped")
    expect(second.get_by_role("button", name="Start again", exact=True)).to_be_focused()
    phase(third, "drained", timeout=DRAINED_MS)
    finished = pool_status(origin)
    assert finished["pairs_done"] == finished["pairs"]
    assert counted(third) == finished["pairs"]
