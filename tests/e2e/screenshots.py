"""Pictures of the page in its states, to be looked at, from a fresh `dva demo`:

python -m tests.e2e.screenshots http://127.0.0.1:8000 build/screenshots
python -m tests.e2e.screenshots http://127.0.0.1:8000 docs/img --docs

With --docs only those of the documents, in 256 colours.
"""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.e2e.acting import press, settings, start

DESKTOP = (1280, 900)
PHONE = (375, 780)
SIZES = ((320, 640), PHONE, DESKTOP, (2560, 1400))
DOCS_HEIGHT = 1500
"""Down to the charts."""
PATIENCE_MS = 300_000
FEED_FILLS_MS = 9_000
ENOUGH = re.compile(r"of the [1-3],\d{3} pairs")
"""Scores for a histogram to look at; the demo pool has 3,852."""


class Album:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str, *, full: bool = False) -> None:
        page.screenshot(path=self._folder / f"{name}.png", full_page=full)

    def take_small(self, page: Page, name: str) -> None:
        """In 256 colours: a third of the bytes."""
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        few = picture.quantize(256, dither=Image.Dither.NONE)
        few.save(self._folder / f"{name}.png", optimize=True)

    def everywhere(self, page: Page, name: str) -> None:
        """Light and dark, on every size of screen."""
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
                page.wait_for_timeout(500)
                self.take(page, f"{name}-{width}-{scheme}", full=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"the page is {wide} px wide on a screen of {width}"
        desk(page)


def desk(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def reach(page: Page, phase: str) -> None:
    where = page.locator("dva-controls .phase")
    expect(where).to_have_attribute("data-phase", phase, timeout=PATIENCE_MS)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launch = playwright.chromium.launch
        browser = launch(executable_path=executable(), args=[*flags, *sandbox_flags()])
        yield browser
        browser.close()


def states(origin: str, album: Album) -> None:
    with chromium(*CHROMIUM_FLAGS) as browser:
        context = browser.new_context()
        page = context.new_page()
        desk(page)
        page.goto(f"{origin}/?rung=wasm&power=full")
        page.wait_for_load_state("networkidle")
        album.everywhere(page, "first-visit")
        settings(page)
        album.everywhere(page, "settings")
        settings(page)
        page.locator("dva-you summary").click()
        album.everywhere(page, "you")
        page.locator("dva-you summary").click()
        press(page, "Start")
        album.everywhere(page, "consent")
        press(page, "I agree and start")
        for phase in ("booting", "starting", "testing", "running"):
            reach(page, phase)
            album.take(page, phase)
        page.wait_for_timeout(FEED_FILLS_MS)
        album.everywhere(page, "running")
        open_pair(page)
        album.everywhere(page, "pair")
        press(page, "Report")
        album.take(page, "report")
        page.keyboard.press("Escape")
        for name, address in (("other-tab", "?rung=wasm"), ("chinese", "?rung=wasm&lang=zh")):
            other = context.new_page()
            other.goto(f"{origin}/{address}")
            other.locator("dva-controls .other").wait_for()
            album.everywhere(other, name)
            other.close()
        rest(page)
        album.everywhere(page, "resting")
        page.locator("dva-settings input[name=schedule]").uncheck()
        settings(page)
        press(page, "Pause")
        reach(page, "paused")
        album.take(page, "paused")
        press(page, "Resume")
        press(page, "Finish")
        reach(page, "finished")
        album.everywhere(page, "finished")


def rest(page: Page) -> None:
    """By a schedule that begins in two hours."""
    settings(page)
    begin = datetime.now() + timedelta(hours=2)
    page.locator("dva-settings input[name=schedule]").check()
    page.locator("dva-settings input[name=from]").fill(f"{begin:%H:%M}")
    page.locator("dva-settings input[name=to]").fill(f"{begin + timedelta(hours=1):%H:%M}")
    reach(page, "resting")


def open_pair(page: Page) -> None:
    """The one of the feed whose caption fits best, and its tokens."""
    cards = page.locator("dva-feed .card:not(.empty)")
    fits = [re.fullmatch(r"\d\.\d+", text) for text in cards.locator(".score").all_inner_texts()]
    values = [float(found[0]) if found else -1.0 for found in fits]
    cards.nth(values.index(max(values))).press("Enter")
    tokens = page.locator("dva-pair .tokens")
    if tokens.get_attribute("open") is None:
        tokens.locator("summary").click()
    page.wait_for_timeout(500)


def troubles(origin: str, album: Album) -> None:
    """A browser without WebGPU that is asked for nothing else."""
    with chromium() as browser:
        page = browser.new_page()
        desk(page)
        page.goto(f"{origin}/?rung=webgpu-f32")
        start(page)
        reach(page, "failed")
        album.everywhere(page, "failed")


def documents(origin: str, album: Album) -> None:
    """What README.md and docs/page.md show."""
    with chromium(*CHROMIUM_FLAGS) as browser:
        # Without motion, lest a card be caught as it appears.
        page = browser.new_page(reduced_motion="reduce")
        page.set_viewport_size({"width": DESKTOP[0], "height": DOCS_HEIGHT})
        page.goto(f"{origin}/?rung=wasm&power=full")
        start(page)
        hint = page.locator("dva-feed > .hint").first
        expect(hint).to_contain_text(ENOUGH, timeout=PATIENCE_MS)
        album.take_small(page, "tab")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": PHONE[0], "height": 1400})
        page.wait_for_timeout(5000)
        album.take_small(page, "phone")
        desk(page)
        open_pair(page)
        album.take_small(page, "pair")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("origin")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true")
    arguments = parser.parse_args()
    album = Album(arguments.folder)
    if arguments.docs:
        documents(arguments.origin, album)
        return
    troubles(arguments.origin, album)
    states(arguments.origin, album)


if __name__ == "__main__":
    main()
