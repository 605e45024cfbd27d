"""What can go wrong is told in plain words, with what to do; and what can go on does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.conftest import executable, sandbox_flags
from tests.e2e.acting import phase, press, start
from tests.e2e.serving import ingest, serving
from tests.e2e.small_pool import DEMO_POOL

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESS = "?rung=wasm&power=full"
PHONE = """
  Object.defineProperty(navigator, 'deviceMemory', { value: 1 });
  Object.defineProperty(navigator, 'userAgentData', { value: { mobile: true } });
"""

BLOCKED = """
  const refuse = () => { throw new DOMException('', 'SecurityError'); };
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, { get: refuse });
  }
  LockManager.prototype.request = async () => refuse();
  LockManager.prototype.query = async () => refuse();
  IDBFactory.prototype.open = refuse;
"""
"""What Chromium does where its person has blocked site data."""


@pytest.fixture(scope="module")
def origin(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("failures")
    ingest(DEMO_POOL, demo_bundle, data, unit_pairs=32)
    with serving(data) as origin:
        yield origin


def told(page: Page, code: str, *words: str) -> None:
    """Wait until the page tells of it."""
    notice = page.locator(f"dva-notices [data-code={code}]")
    expect(notice.first).to_be_visible()
    for part in words:
        expect(notice.first).to_contain_text(part)


def begin(page: Page, origin: str, address: str = ADDRESS) -> None:
    page.goto(f"{origin}/{address}")
    start(page)


def changed(old: bytes, new: bytes) -> Callable[[Route], None]:
    """Hands out a file with something else in it."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        body = answer.body()
        assert old in body
        route.fulfill(response=answer, body=body.replace(old, new))

    return handle


def test_without_tls_from_another_machine(chromium: Browser, origin: str) -> None:
    rules = "--host-resolver-rules=MAP elsewhere.test 127.0.0.1"
    launch = chromium.browser_type.launch
    with launch(executable_path=executable(), args=[rules, *sandbox_flags()]) as browser:
        page = browser.new_page()
        page.goto(origin.replace("127.0.0.1", "elsewhere.test"))
        told(page, "insecure", "without TLS", "Open it by https")
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_where_site_data_is_blocked(page: Page, origin: str) -> None:
    page.add_init_script(BLOCKED)
    page.goto(f"{origin}/{ADDRESS}")
    told(page, "data_blocked", "blocks site data", "reload the page")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
    expect(page.locator("dva-controls .phase")).to_contain_text("cannot start here")
    page.locator("dva-you summary").click()
    press(page, "I have a phrase")
    expect(page.get_by_role("textbox", name="The twelve words")).to_be_visible()


def test_not_on_this_phone(page: Page, origin: str) -> None:
    page.add_init_script(PHONE)
    page.goto(f"{origin}/{ADDRESS}")
    told(page, "too_small", "Not on this device", "may have about 250 MB", "on a computer")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_an_imitated_card_is_left_alone(page: Page, origin: str) -> None:
    begin(page, origin, "?power=full")
    told(
        page,
        "software_adapter",
        "WebGPU, 32-bit floats.",
        "much faster",
    )
    phase(page, "running")
    expect(page.locator("dva-where")).to_contain_text("WebAssembly on the processor")


def test_wrong_numbers_on_every_rung(context: BrowserContext, page: Page, origin: str) -> None:
    context.route("**/engine/embeddings.js", changed(b"return sum;", b"return -sum;"))
    begin(page, origin)
    told(page, "self_test_failed", "came to other numbers", "off by")
    told(page, "no_rung_left", "takes no work", "Update the browser")
    phase(page, "failed")


def test_out_of_memory(context: BrowserContext, page: Page, origin: str) -> None:
    context.route(
        "**/engine/model-files.js",
        changed(b"new Uint8Array(entry.bytes)", b"new Uint8Array(new ArrayBuffer(2 ** 50))"),
    )
    begin(page, origin)
    told(page, "out_of_memory", "not enough memory", "Close other tabs")
    phase(page, "failed")


def test_no_room_to_keep_the_model(context: BrowserContext, page: Page, origin: str) -> None:
    quota = {"origin": origin, "quotaSize": 1_000_000}
    page.goto(origin)
    context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", quota)
    begin(page, origin)
    phase(page, "running")
    told(page, "storage_full", "no room in this browser", "Free some disk space")


def test_a_model_file_that_is_not_the_model(
    context: BrowserContext, page: Page, origin: str
) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        body = bytearray(answer.body())
        body[len(body) // 2] ^= 1
        route.fulfill(response=answer, body=bytes(body))

    context.route("**/text.onnx", spoil)
    begin(page, origin)
    told(page, "bundle_invalid", "changed or cut on its way", "Reload the page")
    phase(page, "failed")


def test_a_worker_that_dies_and_what_passes_by_itself(
    context: BrowserContext, page: Page, origin: str
) -> None:
    """A dead worker is begun anew by hand; offline, a silent server and a busy one pass."""
    context.route("**/engine/worker.js", changed(b"scope.onmessage =", b"throw new Error('gone');"))
    begin(page, origin)
    told(page, "worker_died", "without a word", "Press Try again", "gone")
    phase(page, "failed")
    context.unroute("**/engine/worker.js")
    press(page, "Try again")
    phase(page, "running")
    expect(page.locator("dva-notices")).to_be_hidden()

    context.set_offline(True)
    told(page, "offline", "This device is offline.", "by itself")
    context.set_offline(False)
    expect(page.locator("dva-notices")).to_be_hidden()

    context.route("**/api/v1/**", lambda route: route.abort())
    told(page, "unreachable", "does not answer", "Trying again in")
    context.unroute("**/api/v1/**")
    expect(page.locator("dva-notices")).to_be_hidden()

    turned_away = {
        "type": "about:blank",
        "title": "Busy",
        "status": 503,
        "code": "busy",
        "detail": "Too much to do.",
        "retry_after_s": 3,
    }
    context.route("**/result", lambda route: route.fulfill(status=503, json=turned_away))
    told(page, "busy", "too much to do just now", "Trying again in")
    context.unroute("**/result")
    expect(page.locator("dva-notices")).to_be_hidden()
    phase(page, "running")


def test_a_connection_that_fails_while_onnxruntime_loads(
    context: BrowserContext, page: Page, origin: str
) -> None:
    """It costs no rung: each part is asked for again, and once only when it has come."""
    parts = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
    asked = dict.fromkeys(parts, 0)

    def fail_once(route: Route) -> None:
        name = route.request.url.split("/")[-1].partition("?")[0]
        asked[name] += 1
        if asked[name] == 1:
            route.abort()
        else:
            route.continue_()

    for part in parts:
        context.route(f"**/{part}*", fail_once)
    begin(page, origin)
    told(page, "unreachable", "Trying again in")
    phase(page, "running")
    expect(page.locator("dva-notices")).to_be_hidden()
    assert asked[parts[1]] == 2


def test_a_newer_protocol_is_loaded_once(context: BrowserContext, page: Page, origin: str) -> None:
    outdated = {
        "type": "about:blank",
        "title": "Upgrade Required",
        "status": 426,
        "code": "protocol_outdated",
        "detail": "This server speaks protocol 2.",
    }
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    context.route("**/api/v1/leases", lambda route: route.fulfill(status=426, json=outdated))
    begin(page, origin)
    page.wait_for_event("load")
    # It didn't help: the page says so instead of loading itself for ever.
    phase(page, "failed")
    told(page, "protocol_outdated", "newer than this page")
    assert len(loads) == 2
