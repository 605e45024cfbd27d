"""Every control of the tab: it does what it says, and the page says why it idles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.acting import phase, press, settings, start
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.serving import ingest, pool_status, serving, until
from tests.e2e.small_pool import DEMO_POOL

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESS = "?rung=wasm"
HEAR = """
  window.sent = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...more) {
    window.sent.push(message);
    return post.call(this, message, ...more);
  };
"""
"""What the page tells its Worker."""

BATTERY = """
  class Battery extends EventTarget { charging = true; }
  const battery = new Battery();
  navigator.getBattery = async () => battery;
  window.plug = (charging) => {
    battery.charging = charging;
    battery.dispatchEvent(new Event('chargingchange'));
  };
"""


@pytest.fixture(scope="module")
def origin(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server with more work than these tests do."""
    data = tmp_path_factory.mktemp("controls")
    ingest(DEMO_POOL, demo_bundle, data, unit_pairs=16)
    with serving(data) as origin:
        yield origin


def test_only_while_nobody_uses_the_device(
    context: BrowserContext, page: Page, origin: str
) -> None:
    session = context.new_cdp_session(page)
    active = {"isUserActive": True, "isScreenUnlocked": True}
    session.send("Emulation.setIdleOverride", active)
    profile = session.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    page.goto(f"{origin}/{ADDRESS}")
    settings(page)
    choice = page.get_by_role("checkbox", name="Only while nobody uses this device")
    session.send(
        "Browser.setPermission",
        {
            "browserContextId": profile,
            "origin": origin,
            "permission": {"name": "idle-detection"},
            "setting": "denied",
        },
    )
    choice.click()
    expect(page.get_by_text("has not allowed the page to know")).to_be_visible()
    expect(choice).not_to_be_checked()
    session.send(
        "Browser.setPermission",
        {
            "browserContextId": profile,
            "origin": origin,
            "permission": {"name": "idle-detection"},
            "setting": "granted",
        },
    )
    choice.click()
    expect(choice).to_be_checked()
    start(page)
    phase(page, "resting")
    expect(page.locator("dva-controls .phase")).to_contain_text("somebody uses this device")
    # Nothing has been fetched for a run that may not begin yet.
    assert (
        page.evaluate(
            "performance.getEntriesByType('resource').some(({name}) => /worker/.test(name))"
        )
        is False
    )
    session.send("Emulation.setIdleOverride", {**active, "isUserActive": False})
    phase(page, "running")
    session.send("Emulation.setIdleOverride", active)
    phase(page, "resting")


def test_the_language_is_chosen_and_kept(page: Page, origin: str) -> None:
    page.goto(f"{origin}/{ADDRESS}&lang=en")
    page.get_by_label("Language").select_option("中文")
    expect(page.get_by_role("button", name="开始", exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    assert "lang=" not in page.url
    page.goto(f"{origin}/")
    expect(page.get_by_role("button", name="开始", exact=True)).to_be_visible()
    page.goto(f"{origin}/?lang=en")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()


def test_a_pause_holds_a_download(context: BrowserContext, page: Page, origin: str) -> None:
    ranges: list[str | None] = []
    broken = True

    def cut(route: Route) -> None:
        """A connection that breaks off again and again, so that the download takes its time."""
        ranges.append(route.request.headers.get("range"))
        if not broken:
            route.continue_()
            return
        answer = route.fetch()
        route.fulfill(status=answer.status, body=answer.body()[:1000])

    context.route("**/image.0.bin", cut)
    page.goto(f"{origin}/{ADDRESS}")
    start(page)
    while len(ranges) < 2:
        page.wait_for_timeout(100)
    press(page, "Pause")
    phase(page, "paused")
    page.wait_for_timeout(500)
    asked = len(ranges)
    page.wait_for_timeout(3000)
    assert len(ranges) == asked
    broken = False
    press(page, "Resume")
    phase(page, "running")
    assert (ranges[asked] or "").startswith("bytes=")
    # What it holds goes back: others of this file look at what is leased.
    press(page, "Stop")
    phase(page, "stopped")


NO_STORAGE = """
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, { get() { throw new DOMException('', 'SecurityError'); } });
  }
"""
HOSTILE = """
  for (const name of ['settings', 'consent', 'traffic', 'totals', 'device', 'language']) {
    localStorage.setItem('dva.' + name, '{"version":1,"text":1,"licences":7,"today":"x"');
  }
"""


@pytest.mark.parametrize("script", [NO_STORAGE, HOSTILE], ids=["none", "hostile"])
def test_works_with_whatever_storage_it_finds(page: Page, origin: str, script: str) -> None:
    page.add_init_script(script)
    page.goto(f"{origin}/{ADDRESS}")
    settings(page)
    expect(page.get_by_role("radio", name="Normal")).to_be_checked()
    page.get_by_role("radio", name="Gentle").check()
    expect(page.get_by_role("radio", name="Gentle")).to_be_checked()
    start(page)
    phase(page, "running")


@pytest.fixture(scope="module")
def visit(chromium: Browser, origin: str) -> Iterator[Page]:
    """One page for all tests that find it at work and leave it so: to begin takes longest."""
    with chromium.new_context(reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.add_init_script(HEAR + BATTERY)
        page.goto(f"{origin}/{ADDRESS}")
        start(page)
        yield page
        page.unroute_all(behavior="ignoreErrors")


@pytest.fixture
def running(visit: Page) -> Page:
    """A page at work, its settings open."""
    if visit.get_by_role("button", name="Start", exact=True).is_visible():
        start(visit)  # It was left paused, and loaded anew.
    phase(visit, "running")
    if visit.locator("dva-settings details:not([open])").count():
        settings(visit)
    return visit


def detail(page: Page, words: str) -> None:
    expect(page.locator("dva-controls > .detail")).to_contain_text(words)


def record(page: Page) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.evaluate("localStorage.getItem('dva.settings')"))
    return found


def test_power_changes_while_it_runs(running: Page) -> None:
    shares = {"Gentle": 0.25, "Full": 1, "Normal": 0.6}
    for name, share in shares.items():
        running.get_by_role("radio", name=name).check()
        expect(running.get_by_role("radio", name=name)).to_be_checked()
        last = running.evaluate("window.sent.at(-1)")
        assert last == {"kind": "pace", "share": share}
        assert record(running)["power"] == name.lower()
    phase(running, "running")


def test_rests_for_a_reason_and_goes_on_by_itself(running: Page) -> None:
    now = datetime.now()
    later = now + timedelta(hours=2)
    hours = running.get_by_role("checkbox", name="Only at these hours")
    running.get_by_label("Only at these hours: from").fill(later.strftime("%H:%M"))
    running.get_by_label("Only at these hours: to").fill(
        (now + timedelta(hours=3)).strftime("%H:%M")
    )
    hours.check()
    phase(running, "resting")
    expect(running.locator("dva-controls .phase")).to_contain_text("as your schedule says")
    detail(running, later.strftime("%H:%M"))
    running.get_by_label("Only at these hours: from").fill(
        (now - timedelta(hours=1)).strftime("%H:%M")
    )
    phase(running, "running")
    hours.uncheck()

    running.evaluate("window.plug(false)")
    phase(running, "resting")
    expect(running.locator("dva-controls .phase")).to_contain_text("plugged in")
    detail(running, "Goes on by itself then.")
    running.evaluate("window.plug(true)")
    phase(running, "running")

    today = f"{now.year}-{now.month}-{now.day}"
    used = json.dumps({"day": today, "today": 100_000_000, "ever": 100_000_000})
    running.evaluate("(used) => localStorage.setItem('dva.traffic', used)", used)
    running.get_by_label("Data a day, at most").select_option("100 MB")
    phase(running, "resting")
    expect(running.locator("dva-controls .phase")).to_contain_text("data for today is used up")
    detail(running, "00:00")
    running.get_by_label("Data a day, at most").select_option("no limit")
    phase(running, "running")


def test_the_persons_own_pause_stays(running: Page) -> None:
    running.evaluate("window.plug(false)")
    phase(running, "resting")
    press(running, "Pause")
    phase(running, "paused")
    running.evaluate("window.plug(true)")
    running.wait_for_timeout(1500)
    phase(running, "paused")
    running.evaluate("window.plug(false)")
    press(running, "Resume")
    phase(running, "resting")
    running.get_by_role("checkbox", name="Rest on battery").uncheck()
    phase(running, "running")
    running.evaluate("window.plug(true)")
    running.get_by_role("checkbox", name="Rest on battery").check()
    phase(running, "running")


def test_goes_on_as_it_was_after_a_reload_unless_paused(running: Page) -> None:
    running.get_by_role("radio", name="Gentle").check()
    running.reload()
    phase(running, "running")
    assert running.evaluate("window.sent[0].config.share") == 0.25
    settings(running)
    running.get_by_role("radio", name="Normal").check()
    press(running, "Pause")
    phase(running, "paused")
    running.reload()
    running.wait_for_load_state("networkidle")
    phase(running, "idle")


def test_finish_sends_what_was_begun(running: Page, origin: str) -> None:
    until(lambda: pool_status(origin)["units_done"] >= 1, seconds=90)
    before = pool_status(origin)
    assert before["units_leased"] > 0
    press(running, "Finish")
    phase(running, "finished")
    after = pool_status(origin)
    assert after["units_leased"] == 0
    assert after["units_done"] >= before["units_done"] + 1
    running.reload()
    running.wait_for_load_state("networkidle")
    phase(running, "idle")


def newer(route: Route) -> None:
    """The server's status, as a newer one would tell it."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "version": "999.0"})


def test_a_newer_server_makes_nobody_work_out_of_hours(
    context: BrowserContext, page: Page, origin: str
) -> None:
    page.add_init_script(BATTERY)
    page.goto(f"{origin}/{ADDRESS}")
    start(page)
    phase(page, "running")
    page.evaluate("window.plug(false)")
    phase(page, "resting")
    # What had been computed before the rest may still be on its way.
    page.wait_for_timeout(1500)
    before = pool_status(origin)
    assert before["units_leased"] > 0
    page.route("**/api/v1/status", newer)
    page.wait_for_event("load")
    page.unroute_all(behavior="ignoreErrors")
    until(lambda: pool_status(origin)["units_leased"] == 0)
    assert pool_status(origin)["units_done"] == before["units_done"]


def test_a_newer_server_is_loaded_between_units(running: Page) -> None:
    loads: list[str] = []
    running.on("load", lambda page: loads.append(page.url))
    running.route("**/api/v1/status", newer)
    running.wait_for_event("load")
    phase(running, "running")
    running.wait_for_timeout(6000)
    phase(running, "running")
    assert len(loads) == 1
