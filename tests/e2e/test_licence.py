"""A model whose licence the operator has to accept first, and which a visitor may read; and which
comes from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.acting import phase, press
from tests.e2e.serving import dva, ingest, serving
from tests.e2e.small_pool import write_small_pool
from tests.licensed import URL, write_licensed
from tests.mirror import mirroring

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_read_before_the_first_start(
    page: Page, app: None, demo_bundle: Path, tmp_path: Path
) -> None:
    shards, bundle, data = tmp_path / "shards", tmp_path / "bundle", tmp_path / "data"
    shards.mkdir()
    write_small_pool(shards, shards=1, pairs=20)
    identity = write_licensed(demo_bundle, bundle).bundle
    ingest(shards, bundle, data, "--accept-license", unit_pairs=16)
    dva("bundle", "withdraw", identity, "--data", str(data))
    (tmp_path / "mirror").mkdir()
    with (
        mirroring(tmp_path / "mirror") as (mirror, _),
        serving(data, DVA_MODEL_MIRROR=mirror) as origin,
    ):
        page.goto(f"{origin}/?rung=wasm")
        notices = page.locator("dva-notices")
        expect(notices).to_contain_text("has not accepted the model")
        expect(page.locator("dva-model")).to_contain_text("Not handed out yet")
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()

        dva("bundle", "accept", identity, "--accept-license", "--data", str(data))
        press(page, "Start")
        expect(notices).to_be_hidden()
        sheet = page.locator("dva-consent dialog")
        expect(sheet.get_by_role("link", name="Example-1.0")).to_have_attribute("href", URL)
        expect(sheet).to_contain_text(f"The model comes from {mirror.removeprefix('http://')}")
        text = sheet.locator("pre.licence")
        expect(text).to_be_hidden()
        sheet.get_by_text("Read its text").click()
        expect(text).to_contain_text("artwork")
        press(page, "I agree and start")
        phase(page, "booting")
