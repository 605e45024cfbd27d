"""An agent works on any pool: whose pictures are blurred is decided for each pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.acting import start
from tests.e2e.serving import dva, serving
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAIRS = 128
POOLS = {"tame": True, "wild": False}
"""Name -> whether anybody may see its pictures, in the order in which they are handed out."""


@pytest.fixture
def origin(app: None, demo_bundle: Path, tmp_path: Path) -> Iterator[str]:
    for name, safe in POOLS.items():
        shards = tmp_path / name
        shards.mkdir()
        write_small_pool(shards, shards=1, pairs=PAIRS)
        beside = shards / "pool.json"
        described = json.loads(beside.read_bytes())
        beside.write_text(json.dumps({**described, "title": name, "safe": safe}))
        arguments = ("ingest", name, str(shards), "--bundle", str(demo_bundle))
        dva(*arguments, "--data", str(tmp_path), DVA_UNIT_PAIRS="32")
    with serving(tmp_path) as origin:
        yield origin


def test_each_picture_by_its_own_pool(page: Page, origin: str) -> None:
    page.goto(f"{origin}/?rung=wasm&until=drained")
    title = page.locator("dva-pool .name")
    show = page.get_by_role("button", name="Show pictures", exact=True)
    expect(title).to_have_text("tame")
    start(page)

    tame = page.locator("dva-feed .card[data-pool=tame]")
    wild = page.locator("dva-feed .card[data-pool=wild]")
    expect(tame.first).to_be_visible()
    expect(tame.and_(page.locator(".blurred"))).to_have_count(0)

    expect(wild.first).to_be_visible()
    expect(title).to_have_text("wild")
    expect(wild.and_(page.locator(":not(.blurred)"))).to_have_count(0)
    expect(wild.first.locator("canvas")).to_have_css("filter", "blur(18px)")

    show.click()
    page.get_by_role("button", name="I am 18 or older, show them", exact=True).click()
    expect(wild.and_(page.locator(".blurred"))).to_have_count(0)
    page.get_by_role("button", name="Blur pictures", exact=True).click()
    expect(wild.and_(page.locator(":not(.blurred)"))).to_have_count(0)
