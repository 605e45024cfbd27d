"""What a visitor does: press, agree, wait until the page says so."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def phase(page: Page, name: str, *, timeout: float | None = None) -> None:
    """Wait until the page says that it is in this phase."""
    where = page.locator("dva-controls .phase")
    expect(where).to_have_attribute("data-phase", name, timeout=timeout)


def start(page: Page) -> None:
    """Press Start, and agree if the page asks, which it does once a browser."""
    press(page, "Start")
    begun = page.locator("dva-consent dialog[open], .phase:not([data-phase=idle])")
    begun.first.wait_for(state="attached")
    if page.locator("dva-consent dialog").is_visible():
        press(page, "I agree and start")


def settings(page: Page) -> None:
    """Open the settings."""
    page.locator("dva-settings summary").click()
