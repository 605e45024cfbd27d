"""What an operator does in a real browser: with the script, which saves reloads, and without."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from server.config import Settings
from server.db import Database, now
from server.pools.models import Unit
from server.pools.services import unit_pairs
from server.reports.models import WITHHELD, ReportedPair
from tests.e2e import axe
from tests.e2e.serving import POOL, ROOT, dva, ingest, pool_status, serving
from tests.e2e.small_pool import write_small_pool
from tests.e2e.test_admin import BUNDLE, PASSWORD, WIDTHS, sign_in
from tests.web_app import build_web_app

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    shards = write_small_pool(tmp_path_factory.mktemp("shards"), shards=2, pairs=12)
    ingest(shards, BUNDLE, folder, unit_pairs=8)
    subprocess.run(
        [ROOT / ".venv/bin/dva", "admin", "create", "alice", "--password-stdin", "--data", folder],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
        env=os.environ,
    )
    return folder


@pytest.fixture(scope="module")
def origin(data: Path) -> Iterator[str]:
    build_web_app()
    with serving(data) as running:
        dva("agent", "--server", running, "--units", "2", "--threads", "1")
        yield running


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def operator(request: pytest.FixtureRequest, chromium: Browser, origin: str) -> Iterator[Page]:
    """Signed in. A script that is refused, or fails, fails the test."""
    errors: list[str] = []
    with chromium.new_context(java_script_enabled=request.param) as context:
        page = context.new_page()
        page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        sign_in(page, origin, PASSWORD)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        yield page
    assert errors == []


def go(page: Page, place: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=place).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(place)


def said(page: Page, words: str) -> None:
    """On top of the page, and read aloud, since it has the focus."""
    expect(page.get_by_role("status")).to_contain_text(words)
    expect(page.get_by_role("status")).to_be_focused()


def has_script(page: Page) -> bool:
    return page.locator("[data-htmx-powered]").count() > 0


def test_pools(operator: Page, origin: str) -> None:
    page = operator
    go(page, "Pools")
    if scripted := has_script(page):
        page.evaluate("window.same = true")
    page.get_by_role("button", name=f"Pause {POOL}").click()
    said(page, "is paused. What is leased will be finished.")
    assert page.url == f"{origin}/admin/pools/{POOL}"
    assert pool_status(origin)["paused"]
    if scripted:
        assert page.evaluate("window.same"), "only <main> was exchanged"
    page.get_by_label("Priority").fill("7")
    page.get_by_label("Priority").press("Enter")
    said(page, "has priority 7.")
    page.get_by_role("button", name=f"Resume {POOL}").click()
    said(page, f"{POOL} goes on.")
    assert not pool_status(origin)["paused"]
    page.get_by_role("link", name="Set aside 00000").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Set {POOL}/00000 aside?")
    page.get_by_label("Why").fill("half a download")
    page.get_by_role("button", name="Set aside").click()
    said(page, "is set aside.")
    row = page.get_by_role("row").filter(has_text="00000")
    expect(row).to_contain_text("half a download")
    row.get_by_role("button", name="Restore").click()
    said(page, "is given out again.")
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)
    page.get_by_label("Priority").fill("0")
    page.get_by_label("Priority").press("Enter")
    said(page, "has priority 0.")
    go(page, "Log")
    expect(page.get_by_role("row").filter(has_text="shard set aside").first).to_contain_text(
        "half a download"
    )


def test_people_and_devices(operator: Page, origin: str) -> None:
    page = operator
    go(page, "Devices")
    page.get_by_label("What it says it is").fill("nothing like it")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("None of that kind.")).to_be_visible()
    go(page, "Devices")
    page.locator("tbody a").first.click()
    device = page.url
    page.get_by_role("link", name="Suspend").click()
    page.get_by_label("Why").fill("an old driver")
    page.get_by_role("button", name="Suspend").click()
    said(page, "is suspended.")
    assert page.url == device
    page.get_by_label("Why").fill("a new driver")
    page.get_by_role("button", name="Restore").click()
    said(page, "may work again, on probation.")
    decisions = page.get_by_role("region", name="What was decided")
    expect(decisions.get_by_role("row").nth(1)).to_contain_text("a new driver")
    page.get_by_role("link", name="Revoke for good").click()
    expect(page.get_by_text("This can't be undone")).to_be_visible()
    page.get_by_role("link", name="Cancel").click()
    go(page, "Contributors")
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Suspend").click()
    page.get_by_role("button", name="Suspend").click()
    said(page, "is suspended.")
    page.get_by_label("Why").fill("the audits were right")
    page.get_by_role("button", name="Leave suspended").click()
    said(page, "stays suspended; why is kept.")
    page.get_by_role("button", name="Restore").click()
    said(page, "may work again, on probation.")


def withhold(data: Path) -> None:
    """As if somebody had reported the first pair with a picture just now."""
    settings = Settings(data=data)
    database = Database(settings.database_url)
    with database.write() as session:
        unit = session.scalars(select(Unit).order_by(Unit.id)).first()
        assert unit
        position, pair = next(
            (position, pair)
            for position, pair in enumerate(unit_pairs(settings, unit))
            if pair.image is not None
        )
        found = session.scalar(select(ReportedPair)) or ReportedPair(
            unit_id=unit.id, position=position, uid=pair.uid, reported_at=now()
        )
        found.state = WITHHELD
        session.add(found)
    database.close()


def test_reports(operator: Page, origin: str, data: Path) -> None:
    withhold(data)
    page = operator
    go(page, "Reports")
    picture = page.get_by_alt_text("The reported picture")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_css("filter", "blur(20px) saturate(0.4)")
    page.get_by_label("Show it").check()
    expect(picture).to_have_css("filter", "none")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.get_by_role("button", name="Withhold for good").click()
    said(page, "stays away for good.")
    expect(page.get_by_text("Nothing waits for a decision.")).to_be_visible()
    page.get_by_label("State").select_option("confirmed")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("button", name="Put back").click()
    said(page, "is handed out again.")


def test_bundles(operator: Page, origin: str) -> None:
    page = operator
    go(page, "Bundles")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("region", name="Latest self-tests")).to_contain_text("100 %")
    page.get_by_role("link", name="Stop new leases").click()
    page.get_by_role("button", name="Stop").click()
    said(page, "gets no new leases.")
    assert pool_status(origin)["paused"]
    page.get_by_role("button", name="Allow new leases").click()
    said(page, "is handed out again.")
    assert not pool_status(origin)["paused"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_theirs_is_clean_and_fits(
    chromium: Browser, origin: str, data: Path, scheme: str
) -> None:
    """Pictures of all of them, where $DVA_PICTURES says."""
    pictures = os.environ.get("DVA_PICTURES")
    with chromium.new_context(color_scheme="dark" if scheme == "dark" else "light") as context:
        page = context.new_page()
        sign_in(page, origin, PASSWORD)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        withhold(data)
        found = ["/admin/pools", f"/admin/pools/{POOL}", "/admin/log", "/admin/reports"]
        found.append(f"/admin/pools/{POOL}/shards/00000/set-aside")
        for place in ("contributors", "devices", "bundles"):
            page.goto(f"{origin}/admin/{place}")
            first = page.locator("tbody a").first.get_attribute("href")
            assert first
            found += [f"/admin/{place}", first]
        for address in found:
            page.goto(origin + address)
            assert axe.violations(page) == [], address
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{address} is {wide} px wide on a screen of {width}"
                if pictures and width in (320, 1280):
                    name = f"{address[7:39].replace('/', '-')}-{width}-{scheme}.png"
                    page.screenshot(path=Path(pictures) / name, full_page=True)
