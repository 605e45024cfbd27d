"""Model files: kept between visits, resumed where a download broke off, checked every time."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, Worker

from tests.e2e.serving import ROOT

pytestmark = pytest.mark.browser

PATH = "python_stdlib.zip"
FOLDER = "/static/app/pyodide/"
LOAD = """async ([entry, url]) => {
  const { loadFiles } = await import('/static/app/engine/model-files.js');
  const told = [];
  try {
    const files = await loadFiles([entry], url, (progress) => told.push(progress));
    const digest = await crypto.subtle.digest('SHA-256', files.get(entry.path));
    return { sha256: new Uint8Array(digest).toHex(), last: told.at(-1) };
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}"""
CUT = 1_000_000


@pytest.fixture
def worker(page: Page, site: str) -> Worker:
    """A Worker of our origin: only there are files written in place."""
    page.goto(site)
    with page.expect_worker() as started:
        page.evaluate("new Worker('/static/app/engine/pixels-worker.js', { type: 'module' }), 0")
    return started.value


@pytest.fixture
def entry(app: None) -> dict[str, Any]:
    content = (ROOT / "static" / "app" / "pyodide" / PATH).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": PATH, "bytes": len(content), "sha256": sha256}


def load(worker: Worker, site: str, entry: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = worker.evaluate(LOAD, [entry, site + FOLDER])
    return answer


def test_kept_between_visits(
    worker: Worker, site: str, entry: dict[str, Any], asked: list[str]
) -> None:
    total = entry["bytes"]
    first = load(worker, site, entry)
    assert first == {
        "sha256": entry["sha256"],
        "last": {"bytes": total, "total": total, "kept": 0},
    }
    before = len(asked)
    again = load(worker, site, entry)
    assert again["last"] == {"bytes": total, "total": total, "kept": total}
    assert again["sha256"] == entry["sha256"]
    assert [address for address in asked[before:] if PATH in address] == []


def test_resumed_where_it_broke_off(
    context: BrowserContext, worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    content = (ROOT / "static" / "app" / "pyodide" / PATH).read_bytes()
    ranges: list[str | None] = []

    def break_off_once(route: Route) -> None:
        ranges.append(route.request.headers.get("range"))
        if len(ranges) > 1:
            route.continue_()
            return
        route.fulfill(status=200, body=content[:CUT])

    context.route(f"**/{PATH}", break_off_once)
    assert load(worker, site, entry)["sha256"] == entry["sha256"]
    assert ranges == [None, f"bytes={CUT}-{len(content) - 1}"]


def test_wrong_bytes_are_refused_and_not_kept(
    worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    wrong = {**entry, "sha256": "0" * 64}
    for _ in range(2):
        assert load(worker, site, wrong)["code"] == "bundle_invalid"


def test_a_file_of_another_length_is_refused(
    worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    assert load(worker, site, {**entry, "bytes": 2 * entry["bytes"]})["code"] == "refused"
