"""The two browsers with a WebGPU in software, as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.export.ort_page import DIST
from tests.firefox import firefox

BrowserName = Literal["chromium", "firefox"]

FACTS = """async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  const { vendor, architecture, device, description } = adapter?.info ?? {};
  return {
    browser: navigator.userAgent,
    adapter: [vendor, architecture, device, description].filter(Boolean).join(', '),
    features: [...(adapter?.features ?? [])].sort(),
  };
}"""


class Page(Protocol):
    """Of Playwright, or tests.firefox."""

    def goto(self, url: str, /) -> object: ...

    def evaluate(self, expression: str, arg: Any = None, /) -> Any: ...


@contextmanager
def opened(name: BrowserName, profile: Path) -> Iterator[Page]:
    """An empty page. `profile`: a folder that isn't there yet."""
    profile.mkdir()
    if name == "firefox":
        with firefox(profile) as page:
            yield page
        return
    flags = [*CHROMIUM_FLAGS, *sandbox_flags()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=flags)
        yield browser.new_page()
        browser.close()


def facts(page: Page) -> dict[str, Any]:
    """What made the scores: a page of http or https must be open."""
    package = json.loads((DIST.parent / "package.json").read_bytes())
    return {**page.evaluate(FACTS), "onnxruntime-web": package["version"]}
