"""From a folder of shards to a training set: ingest, two tabs, audits, a cut in the workbench by
the page's own controls, its files checked offline, and graded by labels that nobody ever sent."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from server.config import Settings
from server.db import Database
from server.results.models import Result
from server.selection.grade import LEFT_OUT, RIGHT, read_truth
from tests.e2e.acting import start
from tests.e2e.axe import violations
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.serving import POOL, ROOT, dva, ingest, pool_status, serving, until
from tests.e2e.small_pool import DEMO_POOL, write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAIRS = 504
"""Of each of two shards, besides their broken ones."""
PASSWORD = "correct horse battery"
BAR = 0.88
BENCH = f"/admin/pools/{POOL}/workbench"


@pytest.fixture(scope="module")
def data(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("workbench")
    shards = tmp_path_factory.mktemp("shards")
    ingest(write_small_pool(shards, shards=2, pairs=PAIRS), demo_bundle, data, unit_pairs=128)
    assert not (shards / "truth.parquet").exists()
    subprocess.run(
        [ROOT / ".venv/bin/dva", "admin", "create", "alice", "--password-stdin", "--data", data],
        input=PASSWORD.encode(),
        check=True,
        capture_output=True,
    )
    return data


@pytest.fixture(scope="module")
def origin(data: Path) -> Iterator[str]:
    with serving(data) as running:
        yield running


@pytest.fixture(scope="module")
def scored(chromium: Browser, origin: str, data: Path) -> None:
    """By two people, each with a tab, and then audited until nothing waits."""
    people = [chromium.new_context(reduced_motion="reduce") for _ in range(2)]
    for context in people:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{origin}/?rung=wasm&power=full")
        start(page)

    def is_done() -> bool:
        status = pool_status(origin)
        return bool(status["units_done"] == status["units"])

    until(is_done, seconds=600)
    for context in people:
        context.close()
    assert len(set(of_results(data, "device_id"))) == 2
    until(lambda: audited(data), seconds=300)


def audited(data: Path) -> bool:
    dva("audit", "--once", "--threads", "1", "--data", str(data))
    return set(of_results(data, "state")) == {"confirmed"}


def of_results(data: Path, name: str) -> list[str]:
    database = Database(Settings(data=data).database_url)
    with database.read() as session:
        found = [str(getattr(result, name)) for result in session.scalars(select(Result))]
    database.close()
    return found


@pytest.fixture
def bench(context: BrowserContext, origin: str, scored: None) -> Page:
    """Signed in, on the workbench of the pool."""
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, origin)
    return page


def sign_in(page: Page, origin: str) -> None:
    page.goto(origin + "/admin")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.goto(origin + BENCH)


def said(page: Page, name: str) -> str:
    """A figure, once it is exact."""
    expect(page.locator(".figures.rough")).to_have_count(0)
    return page.locator(f"[data-said={name}]").inner_text()


def number(page: Page, name: str) -> int:
    return int(said(page, name).replace(",", ""))


def test_from_shards_to_a_training_set(bench: Page, tmp_path: Path) -> None:
    bench.get_by_role("button", name="Read the scores").click()
    bench.get_by_role("link", name="Show what was read").click()
    line = bench.get_by_role("slider", name="Where to cut")
    value = bench.get_by_label("Value")
    cut_by_hand(bench)

    value.fill("10")
    bench.get_by_role("button", name="Show").click()
    expect(bench.locator("[data-said=share]")).to_contain_text("10.")
    assert line.get_attribute("aria-valuetext")
    leave_out(bench)
    members = number(bench, "members")
    bench.get_by_label("Name").fill("The best tenth")
    bench.get_by_role("button", name="Cut").click()
    row = bench.get_by_role("row").filter(has_text="The best tenth")
    expect(row.get_by_role("link", name="members.npy")).to_be_visible()
    digest = row.locator(".digest").inner_text()
    with bench.expect_download() as saved:
        row.get_by_role("link", name="all, with the scores").click()
    with tarfile.open(saved.value.path()) as tar:
        tar.extractall(tmp_path, filter="data")
    [folder] = tmp_path.iterdir()
    dva("verify-selection", str(folder), digest)

    selected = pq.read_table(folder / "members.parquet")["uid"].to_pylist()
    assert len(selected) == members
    truth = read_truth(DEMO_POOL / "truth.parquet")
    kinds = [truth[uid] for uid in selected if truth[uid] not in LEFT_OUT]
    assert sum(kind in RIGHT for kind in kinds) / len(kinds) >= BAR

    row.get_by_role("button", name="Publish").click()
    expect(bench.get_by_role("status").first).to_contain_text("is published")
    row.get_by_role("link", name="See it").click()
    expect(bench.get_by_role("heading", level=1)).to_have_text("The best tenth")
    expect(bench.locator("main")).to_contain_text(digest)
    assert violations(bench) == []

    bench.go_back()
    row.get_by_role("button", name="Take back").click()
    row.get_by_role("link", name="Delete").click()
    expect(bench.get_by_role("heading", level=1)).to_have_text("Delete The best tenth?")
    assert violations(bench) == []
    bench.get_by_role("button", name="Delete").press("Enter")
    expect(bench.get_by_role("status").first).to_contain_text("is deleted")
    expect(row).to_have_count(0)


def leave_out(page: Page) -> None:
    """Half of the captions, by keys; the page shows what is left as soon as it is counted."""
    before = number(page, "members")
    page.get_by_text("Leave out first").press("Enter")
    field = page.get_by_label("Characters of a caption")
    field.fill("12..")
    field.press("Enter")
    expect(page.locator(".left")).to_contain_text("caption_chars took out", timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"rule=top&value=10&.*caption-chars=12"))
    assert 0 < number(page, "members") < before
    page.get_by_role("slider", name="Where to cut").press("ArrowLeft")
    expect(page.locator("[data-said=members]")).to_contain_text("≈")
    assert number(page, "members") > 0
    expect(page.locator("[data-said=command]")).to_contain_text("--caption-chars=12..")


def cut_by_hand(page: Page) -> None:
    """By keys and by pointer: figures follow at once, and are exact when the line rests."""
    line = page.get_by_role("slider", name="Where to cut")
    expect(line).to_be_visible()
    before = number(page, "members")
    line.focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-said=members]")).to_contain_text("≈")
    lowest = number(page, "members")
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    assert 0 < number(page, "members") < before < lowest
    plot = page.locator(".plot").bounding_box()
    assert plot
    page.mouse.move(plot["x"] + 20, plot["y"] + 40)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.8, plot["y"] + 40, steps=4)
    page.mouse.up()
    dragged = number(page, "members")
    assert 0 < dragged < lowest
    threshold = float(said(page, "threshold"))
    above = page.locator(".band").nth(0).locator(".score")
    below = page.locator(".band").nth(1).locator(".score")
    expect(above.first).to_have_text(f"{threshold:.4f}")
    assert all(float(each) <= threshold for each in below.all_inner_texts())
    # As it is asked for, it can be kept, sent and loaded again.
    page.reload()
    assert number(page, "members") == dragged


def test_it_reads_well_everywhere(bench: Page) -> None:
    bench.goto(bench.url + "?state=all")
    expect(bench.get_by_role("slider")).to_be_visible()
    expect(bench.locator(".pane img").first).to_be_visible()
    nearest = bench.locator(".band").first.locator(".score").first
    score = nearest.inner_text()
    bench.get_by_role("link", name="Others just above").click()
    expect(nearest).not_to_have_text(score)
    expect(bench.locator(".band")).to_have_count(3)
    reads_well(bench)
    bench.get_by_text("Leave out first").click()
    bench.get_by_label("Cut within each").select_option("shard")
    bench.get_by_role("button", name="Count what is left").click()
    expect(bench.get_by_role("group", name="Parts").get_by_role("row")).to_have_count(3)
    assert number(bench, "members") > 0
    expect(bench.locator(".band").first).to_contain_text("the line of their part")
    reads_well(bench)


def reads_well(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        assert violations(page) == []
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_a_script_a_form_does_it(chromium: Browser, origin: str, scored: None) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        sign_in(page, origin)
        expect(page.get_by_role("slider")).to_have_count(0)
        page.get_by_label("Keep").select_option("count")
        page.get_by_label("Value").fill("50")
        page.get_by_label("Both").check()
        page.get_by_role("button", name="Show").click()
        assert number(page, "members") == 50
        page.get_by_text("Leave out first").click()
        page.get_by_label("Characters of a caption").fill("..60")
        page.get_by_role("button", name="Count what is left").click()
        again = page.get_by_role("link", name="Look again")
        while again.count():
            again.click()
        expect(page.locator(".left")).to_contain_text("caption_chars took out")
        assert number(page, "members") == 50
        page.get_by_role("link", name="Others just below it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Pairs of {POOL}")
        expect(page.locator(".score")).to_have_count(12)
