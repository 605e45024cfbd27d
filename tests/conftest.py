"""What browser tests share: a Chromium with a real WebGPU in software and a page in it, and a
Firefox whose WebGPU has fp16."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.firefox import Firefox
from tests.firefox import firefox as running_firefox
from tests.server.postgres import find_binaries

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of torch wait for each other by spinning: two processes with a thread for each
    # processor take many times as long as with one each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

CHROMIUM_FLAGS = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--disable-background-networking",
    "--no-first-run",
    # Debian's starts with it, for graphics cards; what is drawn by the processor is slower for it.
    "--disable-gpu-rasterization",
    # WebAssembly is optimized far later: a page that is open for seconds gains little by it.
    "--js-flags=--wasm-tiering-budget=1000000000",
    # Nothing but this machine can be reached: a page that needs more fails its test.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def executable() -> str | None:
    """$DVA_CHROMIUM, else the system's Chromium; None: Playwright's own."""
    return os.environ.get("DVA_CHROMIUM") or shutil.which("chromium")


def sandbox_flags() -> list[str]:
    """Chromium has no sandbox for root."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def pytest_report_header() -> str:
    """Without PostgreSQL the same tests pass, only fewer of them."""
    if find_binaries():
        return "databases: SQLite, PostgreSQL"
    return "databases: SQLite alone, since there is no PostgreSQL here"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Agents' tests come first, which run loops of their own: after a test with a browser its
    process has Playwright's. Then files with slow tests: of the processes that share the files,
    none is left with a long one when the others have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    agents = Path(__file__).parent / "dva_agent"
    items.sort(key=lambda item: (agents not in item.path.parents, item.path not in slow))


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What `dva agent` keeps of a person: never in the real one's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("DVA_IDENTITY", raising=False)
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One for all tests."""
    flags = [*CHROMIUM_FLAGS, *sandbox_flags()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile of its own: nothing kept from another test. Nothing moves in it: without a graphics
    card an animation takes a tenth of a processor."""
    with chromium.new_context(reduced_motion="reduce") as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One for all tests, with one page. What to install, if there is none."""
    with running_firefox(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser
