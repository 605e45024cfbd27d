"""What the page says of credit: nothing at first, that the server can't tell it just now, then
pending, then confirmed or forfeited, and of each unit why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as ledger
from server.db import Database, now
from server.results import services as results
from server.results.models import Result
from tests.e2e.acting import phase, press, start
from tests.e2e.axe import violations
from tests.e2e.serving import dva, ingest, pool_status, serving, until
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAIRS = 4
ADDRESS = "chain:0xAbC123.x-y_z"


@pytest.fixture(scope="module")
def data(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("credit")
    shards = data / "shards"
    shards.mkdir()
    ingest(write_small_pool(shards, shards=1, pairs=400), demo_bundle, data, unit_pairs=PAIRS)
    return data


@pytest.fixture(scope="module")
def origin(data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


def settle(data: Path) -> None:
    """As an auditor would: the oldest unit is confirmed, and then an audit fails."""
    settings = Settings(data=data)
    database = Database(settings.database_url)
    with database.write() as session:
        [device] = session.scalars(select(Result.device_id).distinct())
        who = contributors.contributor_of(session, device)
        run = results.pending_of(session, [device])
        earned = [ledger.earned(settings, result, unit) for result, unit in run]
        results.confirm(run[0][0])
        ledger.confirm(session, who, earned[:1], now())
        for result, _ in run[1:]:
            results.reject(session, result)
        ledger.forfeit(session, who, earned[1:], now(), reason="audit_failed")
    database.close()


def credit(page: Page) -> Locator:
    return page.locator("dva-credit")


def pay_out(page: Page, data: Path) -> None:
    """An address, and the proof of an epoch, by keyboard."""
    page.get_by_text("Payouts and proofs").focus()
    page.keyboard.press("Enter")
    panel = page.locator("dva-paid")
    expect(panel).to_contain_text("No epoch with credit of yours is closed yet")
    address = panel.get_by_label("Address", exact=True)
    address.fill("too short")
    page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("8 to 128")
    address.fill(ADDRESS)
    page.keyboard.press("Enter")
    expect(panel).to_contain_text(f"Credit goes to {ADDRESS}")
    root = dva("epoch", "close", "--output", str(data), "--data", str(data)).strip()
    assert (data / "epoch-1.csv").read_text().endswith(f",{ADDRESS}\n")
    page.get_by_text("Payouts and proofs").click()
    page.get_by_text("Payouts and proofs").click()
    expect(panel).to_contain_text("The latest is epoch 1")
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download the proof").press("Enter")
    proof = saved.value.path()
    dva("epoch", "verify", str(proof), root)


def test_credit_from_nothing_to_its_end(page: Page, origin: str, data: Path) -> None:
    page.goto(f"{origin}/?rung=wasm&power=full")
    panel = credit(page)
    expect(panel).to_contain_text("Nothing yet")
    page.route("**/api/v1/me/*", lambda route: route.abort())
    start(page)
    expect(panel.get_by_role("status")).to_contain_text("cannot tell it just now")
    phase(page, "running")
    page.unroute_all()
    until(lambda: pool_status(origin)["units_done"] >= 3, seconds=120)
    press(page, "Finish")
    phase(page, "finished")
    expect(panel.get_by_role("status")).to_contain_text("for audits")
    expect(panel.locator("[data-kind=pending]")).to_contain_text("FLOP")
    expect(panel.locator("[data-kind=forfeited]")).to_be_hidden()

    work = panel.get_by_text("Your work, unit by unit")
    work.focus()
    page.keyboard.press("Enter")
    units = panel.locator(".units li")
    expect(units.first).to_contain_text("Waits for")
    settle(data)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(units.last).to_contain_text("This credit stays")
    expect(units.first).to_contain_text("went back to be done anew")
    expect(panel.locator("[data-kind=confirmed]")).to_contain_text(f"{PAIRS} pairs")
    expect(panel.locator("[data-kind=forfeited]")).to_be_visible()
    expect(panel.get_by_role("status")).to_contain_text("Nothing is waiting")
    pay_out(page, data)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        # Colours go over into each other.
        page.wait_for_timeout(500)
        assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
