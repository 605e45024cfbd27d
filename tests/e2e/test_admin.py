"""The operator's pages in a real browser, without JavaScript: signing in, looking, signing out."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.serving import POOL, ROOT, dva, ingest, serving
from tests.e2e.small_pool import write_small_pool
from tests.server.provider import CLIENT, SECRET, providing

pytestmark = pytest.mark.browser

BUNDLE = ROOT / "static" / "models" / "demo-q8"
PASSWORD = "correct horse battery"
PAGES = (
    "/selftests",
    "/admin",
    f"/admin/pools/{POOL}",
    "/admin/pools/none",
    "/admin/log",
    "/admin/sessions",
)
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (320, 375, 1280, 2560)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with an account, and a pool some of whose pairs are scored."""
    data = tmp_path_factory.mktemp("data")
    shards = write_small_pool(tmp_path_factory.mktemp("shards"), shards=2, pairs=12)
    ingest(shards, BUNDLE, data, unit_pairs=8)
    subprocess.run(
        [ROOT / ".venv/bin/dva", "admin", "create", "alice", "--password-stdin", "--data", data],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
        env=os.environ,
    )
    with serving(data) as running:
        dva("agent", "--server", running, "--units", "2", "--threads", "1")
        yield running


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context(java_script_enabled=False) as context:
        yield context.new_page()


@pytest.fixture
def operator(page: Page, origin: str) -> Page:
    """Signed in, on the overview."""
    sign_in(page, origin, PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    return page


def sign_in(page: Page, origin: str, password: str) -> None:
    page.goto(origin + "/admin")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_an_operator_looks_around(page: Page, origin: str) -> None:
    sign_in(page, origin, "not the password")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("alice")
    sign_in(page, origin, PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("img", name="Results over the last hour")).to_be_visible()
    expect(page.get_by_text("No device holds a lease at the moment.")).to_be_visible()
    here = page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")
    expect(here).to_have_text("Overview")
    page.get_by_role("navigation", name="How far back").get_by_role("link", name="Week").click()
    expect(page.get_by_role("img", name="Results over the last week")).to_be_visible()
    page.get_by_role("link", name="Refresh every 30 s").click()
    expect(page.get_by_role("img", name="Results over the last week")).to_be_visible()
    expect(page.get_by_role("link", name="Stop refreshing every 30 s")).to_be_visible()
    page.get_by_role("link", name=POOL).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(POOL)
    expect(page.get_by_role("row").filter(has_text="00000")).to_contain_text("in place")
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="signed in")).to_contain_text("alice")
    expect(here).to_have_text("Log")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(origin + "/admin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_by_the_organisations_provider(page: Page, tmp_path: Path) -> None:
    """A real one, on this machine: there, back and in; and out by the menu of a phone."""
    with providing() as provider:
        provider.person = {"sub": "7", "email": "ann@example.org", "email_verified": True}
        settings = {
            "DVA_OIDC_ISSUER": provider.origin,
            "DVA_OIDC_CLIENT_ID": CLIENT,
            "DVA_OIDC_CLIENT_SECRET": SECRET,
            "DVA_OIDC_ROLES": "domain:example.org=viewer",
        }
        with serving(tmp_path, **settings) as origin:
            page.goto(origin + "/admin")
            page.get_by_role("link", name="Sign in with your organisation").click()
            assert page.url.startswith(provider.origin)
            page.get_by_role("link", name="It is me").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
            expect(page.get_by_text(re.compile(r"^ann-[0-9a-f]{8}, viewer$"))).to_be_visible()
            page.set_viewport_size({"width": 320, "height": 700})
            menu = page.get_by_role("navigation", name="Pages")
            box = menu.bounding_box()
            assert box
            assert box["height"] < 60, "one row"
            menu.locator("summary").press("Enter")
            menu.get_by_role("link", name="Sessions").click()
            row = page.get_by_role("row").filter(has_text="this one")
            expect(row).to_contain_text("this machine")
            row.get_by_role("button", name="End").click()
            expect(page.get_by_role("status")).to_contain_text("is ended.")
            expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_every_page_fits_every_screen(operator: Page, origin: str) -> None:
    for address in PAGES:
        operator.goto(origin + address)
        for width in WIDTHS:
            operator.set_viewport_size({"width": width, "height": 800})
            main = operator.locator("main").bounding_box()
            assert main
            assert main["x"] >= 0
            assert main["x"] + main["width"] <= width


def test_the_keyboard_reaches_everything(operator: Page) -> None:
    """In the order it is read; tables that scroll are reached, too."""
    reached = []
    places = operator.get_by_role("navigation", name="Pages").get_by_role("link").all()
    names = [place.text_content() or "" for place in places]
    for _ in range(len(names) + 4):
        operator.keyboard.press("Tab")
        reached.append(operator.locator(":focus").text_content() or "")
    assert [text.strip() for text in reached[:2]] == ["DVA", "Sign out"]
    assert reached[2:-2] == names
    assert "Units open" in reached[-2]
    assert reached[-1] == POOL


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    chromium: Browser, origin: str, scheme: Literal["light", "dark"]
) -> None:
    """Here alone a script runs: axe's own, and by leave of the browser, not of the page."""
    with chromium.new_context(color_scheme=scheme, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(origin + "/admin/sign-in")
        violations(page)
        sign_in(page, origin, PASSWORD)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        for address in PAGES:
            page.goto(origin + address)
            violations(page)


def violations(page: Page) -> None:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
