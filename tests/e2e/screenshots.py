"""Pictures of the page in its states, to be looked at:

python -m tests.e2e.screenshots http://127.0.0.1:8000 build/screenshots
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.e2e.acting import press, start

DESKTOP = (1280, 900)
PHONE = (360, 780)
NARROW = (320, 640)
PATIENCE_MS = 300_000
FEED_FILLS_MS = 9_000


class Album:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str, *, full: bool = False) -> None:
        page.screenshot(path=self._folder / f"{name}.png", full_page=full)

    def everywhere(self, page: Page, name: str) -> None:
        """Light and dark, desktop, phone and the narrowest."""
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            for label, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_timeout(700)
                self.take(page, f"{name}-{scheme}-{label}", full=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        self.take(page, f"{name}-narrow", full=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW[0], f"the page is {wide} px wide on a screen of {NARROW[0]}"
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
        context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
        page = context.new_page()
        page.goto(f"{origin}/?rung=wasm")
        page.wait_for_load_state("networkidle")
        album.everywhere(page, "idle")
        press(page, "Start")
        album.everywhere(page, "consent")
        press(page, "I agree and start")
        for phase in ("booting", "starting", "testing", "running"):
            reach(page, phase)
            album.take(page, phase)
        page.wait_for_timeout(FEED_FILLS_MS)
        album.everywhere(page, "running")
        other = context.new_page()
        other.goto(f"{origin}/?rung=wasm")
        other.get_by_text("Another tab of this browser is at work.").first.wait_for()
        album.everywhere(other, "other-tab")
        other.close()
        press(page, "Pause")
        reach(page, "paused")
        album.take(page, "paused")
        press(page, "Stop")
        reach(page, "stopped")
        album.take(page, "stopped")


def troubles(origin: str, album: Album) -> None:
    """A browser without WebGPU that is asked for nothing else."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
        page.goto(f"{origin}/?rung=webgpu-f32")
        start(page)
        reach(page, "failed")
        album.everywhere(page, "failed")


def main() -> None:
    origin, folder = sys.argv[1:]
    album = Album(Path(folder))
    troubles(origin, album)
    states(origin, album)


if __name__ == "__main__":
    main()
