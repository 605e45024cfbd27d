"""One visit of the contributor's page in a real Chromium: from its address to the first scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.bench.tap import Exchange, Tap
from server.errors import BenchError

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

PATIENCE_MS = 300_000
PHASES = ("booting", "starting", "testing", "running")
"""What the page says of itself, in this order."""

_WATCH = """
(() => {
  const marks = (globalThis.dvaMarks = { phases: {} });
  const look = () => {
    const start = document.querySelector('dva-controls .button.primary');
    const usable = start !== null && !start.hidden && !start.disabled && start.textContent !== '';
    if (usable) marks.usable ??= performance.now();
    const phase = document.querySelector('dva-controls [data-phase]')?.dataset.phase;
    if (phase !== undefined) marks.phases[phase] ??= performance.now();
  };
  new MutationObserver(look).observe(document, {
    attributes: true, characterData: true, childList: true, subtree: true,
  });
})();
"""
_START = "dva-controls .button.primary:enabled"
_AGREE = "dva-consent dialog[open] button[value=agree]"
_BEGUN = "dva-controls [data-phase]:not([data-phase=idle])"
_RUNNING = "dva-controls [data-phase=running]"
_STOPPED = "dva-controls [data-phase=stopped]"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Seconds, each phase from the end of the one before. `page_usable_s`: until Start can be
    pressed; `first_score_s`: until the first pairs are scored, Start being pressed at once."""

    page_usable_s: float
    first_score_s: float
    phases_s: Mapping[str, float]
    requests: int
    bytes: int
    picture_requests: int
    picture_bytes: int
    heaviest: Mapping[str, int]
    """Bytes by path, for the five that cost most, pictures apart."""

    @property
    def bytes_beside_pictures(self) -> int:
        return self.bytes - self.picture_bytes

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "bytes_beside_pictures": self.bytes_beside_pictures}


def visit(
    playwright: Playwright, *, profile: Path, tap: Tap, rung: str, executable: str | None
) -> Visit:
    """Opens a browser over `profile`, starts the agent, waits for the first scores, stops it and
    closes the browser."""
    tap.take()
    flags = ["--no-first-run", "--disable-background-networking", "--no-sandbox"]
    if rung != "wasm":
        # Of use on a machine without a GPU only; one with a GPU takes that all the same.
        flags += ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=executable, args=flags
    )
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(_WATCH)
        page.goto(f"http://127.0.0.1:{tap.port}/?rung={rung}&power=full")
        marks = _to_the_first_score(page)
        # What is still on its way belongs to the second unit.
        exchanges = tap.take()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.locator(_STOPPED).wait_for()
    finally:
        context.close()
    return summed_up(marks, exchanges)


def _to_the_first_score(page: Page) -> dict[str, float]:
    """Seconds since the navigation began: `usable`, `pressed`, and each phase."""
    page.locator(_START).first.click()
    page.locator(f"{_AGREE}, {_BEGUN}").first.wait_for(state="attached")
    agree = page.locator(_AGREE)
    if agree.is_visible():
        agree.click()
    pressed = page.evaluate("performance.now()")
    page.locator(_RUNNING).wait_for(state="attached")
    found = page.evaluate("dvaMarks")
    marks = {"usable": found["usable"], "pressed": pressed, **found["phases"]}
    return {name: milliseconds / 1000 for name, milliseconds in marks.items()}


def summed_up(marks: Mapping[str, float], exchanges: Iterable[Exchange]) -> Visit:
    """Raises BenchError if the page never said one of the phases."""
    missing = [phase for phase in ("usable", *PHASES) if phase not in marks]
    if missing:
        raise BenchError(f"The page never was {', '.join(missing)}.")
    everything = list(exchanges)
    pictures = [one for one in everything if one.is_picture]
    by_path: dict[str, int] = {}
    for one in everything:
        if not one.is_picture:
            by_path[one.path] = by_path.get(one.path, 0) + one.received + one.sent
    heaviest = sorted(by_path.items(), key=lambda item: -item[1])[:5]
    return Visit(
        page_usable_s=marks["usable"],
        first_score_s=marks["running"],
        phases_s={
            "page_usable": marks["usable"],
            "pressed": max(0.0, marks["pressed"] - marks["usable"]),
            "python_started": marks["starting"] - marks["booting"],
            "model_loaded": marks["testing"] - marks["starting"],
            "self_test_lease_and_batch": marks["running"] - marks["testing"],
        },
        requests=len(everything),
        bytes=sum(one.sent + one.received for one in everything),
        picture_requests=len(pictures),
        picture_bytes=sum(one.sent + one.received for one in pictures),
        heaviest=dict(heaviest),
    )
