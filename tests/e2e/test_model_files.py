"""Model files: kept between visits, resumed where a download broke off, checked every time."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, Worker

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.e2e.serving import ROOT, ingest, serving
from tests.e2e.small_pool import write_small_pool
from tests.mirror import mirroring

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
PAUSED = """async ([entry, url]) => {
  const { loadFiles } = await import('/static/app/engine/model-files.js');
  const { Gate } = await import('/static/app/engine/gate.js');
  const rest = () => new Promise((resolve) => setTimeout(resolve, 500));
  const gate = new Gate();
  const told = [];
  const report = ({ bytes }) => {
    // Amid the file, for once.
    if (bytes > 0 && told.every((before) => before === 0)) gate.close();
    told.push(bytes);
  };
  gate.close();
  const loading = loadFiles([entry], url, report, { gate });
  await rest();
  const closed = told.at(-1);
  gate.open();
  await rest();
  const halted = told.at(-1);
  await rest();
  const still = told.at(-1);
  gate.open();
  const files = await loading;
  const digest = await crypto.subtle.digest('SHA-256', files.get(entry.path));
  return { closed, halted, still, sha256: new Uint8Array(digest).toHex() };
}"""
KEEP = """async ([entries, url, { days = 0, held = '', heldMs = 1e9, haste = 1, spare }]) => {
  const { loadFiles } = await import('/static/app/engine/model-files.js');
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('models', { create: true });
  const [today, now] = [Date.now, performance.now.bind(performance)];
  Date.now = () => today() + days * 864e5;
  performance.now = () => now() * haste;
  let handle = null;
  if (held !== '') {
    const file = await folder.getFileHandle(held, { create: true });
    handle = await file.createSyncAccessHandle();
    setTimeout(() => handle.close(), heldMs);
  }
  const told = [];
  const unkept = (code) => told.push(code);
  let last;
  const report = (progress) => { last = progress; };
  const files = await loadFiles(entries, url, report, { unkept, spare });
  [Date.now, performance.now] = [today, now];
  handle?.close();
  const kept = {};
  for await (const [name, file] of folder.entries()) {
    kept[name] = (await file.getFile()).lastModified;
  }
  return { files: files.size, told: [...new Set(told)], fromStorage: last.kept, kept };
}"""
"""Load files where others are kept: `days` from now, while the file `held` is open for `heldMs`,
with a clock that makes `haste`."""

CUT = 1_000_000


def begin_worker(page: Page, site: str) -> Worker:
    """A Worker of our origin: only there are files written in place."""
    page.goto(site)
    with page.expect_worker() as started:
        page.evaluate("new Worker('/static/app/engine/pixels-worker.js', { type: 'module' }), 0")
    return started.value


@pytest.fixture
def worker(page: Page, site: str) -> Worker:
    return begin_worker(page, site)


@pytest.fixture
def lasting(chromium: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A profile on the disk. In a private window, Chromium knows neither when a file was written to
    last nor, of files that are written in place, when there is no more room."""
    launch = chromium.browser_type.launch_persistent_context
    with launch(
        tmp_path, executable_path=executable(), args=[*CHROMIUM_FLAGS, *sandbox_flags()]
    ) as context:
        yield context


def entry_of(path: str) -> dict[str, Any]:
    content = (ROOT / "static" / "app" / "pyodide" / path).read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": path, "bytes": len(content), "sha256": sha256}


@pytest.fixture
def entry(app: None) -> dict[str, Any]:
    return entry_of(PATH)


@pytest.fixture
def other(app: None) -> dict[str, Any]:
    """A second file, about half as large."""
    return entry_of("pyodide.asm.mjs")


def keep(worker: Worker, site: str, entry: dict[str, Any], **how: Any) -> dict[str, Any]:
    answer: dict[str, Any] = worker.evaluate(KEEP, [[entry], site + FOLDER, how])
    assert answer["files"] == 1
    return answer


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


def test_a_pause_breaks_a_download_off_and_goes_on_with_it(
    context: BrowserContext, worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    ranges: list[str | None] = []

    def note(route: Route) -> None:
        ranges.append(route.request.headers.get("range"))
        route.continue_()

    context.route(f"**/{PATH}", note)
    answer = worker.evaluate(PAUSED, [entry, site + FOLDER])
    assert answer["sha256"] == entry["sha256"]
    assert answer["closed"] == 0
    assert 0 < answer["halted"] == answer["still"] < entry["bytes"]
    assert ranges == [None, f"bytes={answer['halted']}-{entry['bytes'] - 1}"]


def test_a_file_that_another_tab_gives_up_is_kept(
    worker: Worker, site: str, other: dict[str, Any]
) -> None:
    answer = keep(worker, site, other, held=other["sha256"], heldMs=1000)
    assert answer["told"] == []
    assert keep(worker, site, other)["fromStorage"] == other["bytes"]


def test_a_file_that_another_tab_has_open_is_no_refusal(
    worker: Worker, site: str, other: dict[str, Any]
) -> None:
    assert keep(worker, site, other, held=other["sha256"], haste=20)["told"] == []


def test_what_was_not_used_for_long_is_removed(
    lasting: BrowserContext, site: str, entry: dict[str, Any], other: dict[str, Any]
) -> None:
    worker = begin_worker(lasting.new_page(), site)
    first = keep(worker, site, entry)["kept"]
    second = keep(worker, site, entry)["kept"]
    assert second[entry["sha256"]] > first[entry["sha256"]]
    assert set(keep(worker, site, other, days=29)["kept"]) == {entry["sha256"], other["sha256"]}
    held = "f" * 64
    later = keep(worker, site, other, days=31, held=held)
    assert later["told"] == []
    assert set(later["kept"]) == {other["sha256"], held}


def test_unused_files_make_room(
    lasting: BrowserContext, site: str, entry: dict[str, Any], other: dict[str, Any]
) -> None:
    page = lasting.new_page()
    worker = begin_worker(page, site)
    # Chromium reserves room by doubling it.
    quota = (1 << entry["bytes"].bit_length()) + other["bytes"] // 2
    override = {"origin": site, "quotaSize": quota}
    lasting.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", override)
    keep(worker, site, other)
    full = keep(worker, site, entry, spare=[entry, other])
    assert full["told"] == ["storage_full"]
    assert other["sha256"] in full["kept"]
    room = keep(worker, site, entry)
    assert room["told"] == []
    assert set(room["kept"]) == {entry["sha256"]}
    assert keep(worker, site, entry)["fromStorage"] == entry["bytes"]


def test_wrong_bytes_are_refused_and_not_kept(
    worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    wrong = {**entry, "sha256": "0" * 64}
    for _ in range(2):
        assert load(worker, site, wrong)["code"] == "bundle_invalid"


def test_from_a_mirror_or_else_from_the_server(
    page: Page, demo_bundle: Path, app: None, asked: list[str], tmp_path: Path
) -> None:
    data, shards = tmp_path / "data", tmp_path / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=1, pairs=4)
    ingest(shards, demo_bundle, data, unit_pairs=16)
    [own] = (data / "bundles").iterdir()
    copy = tmp_path / "mirror" / own.name
    shutil.copytree(own, copy)
    changed, short, missing = (copy / name for name in ("image.onnx", "text.0.bin", "text.onnx"))
    changed.write_bytes(b"x" + changed.read_bytes()[1:])
    short.write_bytes(short.read_bytes()[:-9])
    missing.unlink()
    files = json.loads((own / "manifest.json").read_bytes())["files"]
    listed = {file["path"]: file for file in files}
    with (
        mirroring(tmp_path / "mirror") as (mirror, reached),
        serving(data, DVA_MODEL_MIRROR=mirror) as origin,
    ):
        worker = begin_worker(page, origin)
        for name in ("image.0.bin", changed.name, short.name, missing.name):
            url = f"{origin}/api/v1/bundles/{own.name}/"
            answer = worker.evaluate(LOAD, [listed[name], url])
            assert answer["sha256"] == listed[name]["sha256"], (name, answer)
            assert reached.pop() == f"/{own.name}/{name}"
            assert reached == []
            from_server = any(address == url + name for address in asked)
            assert from_server == (name != "image.0.bin")


def test_a_file_of_another_length_is_refused(
    worker: Worker, site: str, entry: dict[str, Any]
) -> None:
    assert load(worker, site, {**entry, "bytes": 2 * entry["bytes"]})["code"] == "refused"
