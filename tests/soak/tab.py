"""A contributor's tab in a real Chromium, at work until told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, sync_playwright

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.soak import memory

STARTS_WITHIN_MS = 300_000
STOPS_WITHIN_MS = 60_000
_PHASE = "dva-controls .phase"
_START = "dva-controls .button.primary"
_AGREE = "dva-consent dialog[open] button[value=agree]"


@dataclass(kw_only=True)
class Tab:
    page: Page
    troubles: list[str] = field(default_factory=list)

    def start(self, address: str) -> None:
        """Returns when the first pairs are scored."""
        self.page.goto(address)
        self.page.locator(_START).first.click()
        agree = self.page.locator(_AGREE)
        started = self.page.locator(f"{_PHASE}:not([data-phase=idle])")
        agree.or_(started).first.wait_for()
        if agree.is_visible():
            agree.click()
        self.page.locator(f"{_PHASE}[data-phase=running]").wait_for(timeout=STARTS_WITHIN_MS)

    @property
    def phase(self) -> str:
        return self.page.locator(_PHASE).get_attribute("data-phase") or ""

    def stop(self) -> None:
        """What is held is given back."""
        self.page.get_by_role("button", name="Stop", exact=True).click()
        self.page.locator(f"{_PHASE}[data-phase=stopped]").wait_for(timeout=STOPS_WITHIN_MS)


@contextmanager
def open_tab() -> Iterator[Tab]:
    flags = [*CHROMIUM_FLAGS, *sandbox_flags(), *memory.CHROMIUM_FLAGS]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        tab = Tab(page=page)
        page.on("pageerror", lambda error: tab.troubles.append(f"error: {error}"))
        page.on("crash", lambda _: tab.troubles.append("the page crashed"))
        page.on(
            "console",
            lambda said: (
                tab.troubles.append(f"{said.type}: {said.text}") if said.type == "error" else None
            ),
        )
        yield tab
        browser.close()
