"""Two real tabs and a real auditor: who lies is caught and told so, who doesn't is paid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.acting import phase, start
from tests.e2e.serving import POOL, dva, ingest, pool_status, serving, until
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARDS = 3
PAIRS = 40
UNIT_PAIRS = 16
PATIENCE_MS = 300_000
TRUTHS = 60
"""Enough for the self-test, which a liar passes."""


@contextmanager
def auditing(data: Path) -> Iterator[None]:
    command = [str(Path(sys.executable).with_name("dva")), "audit", "--data", str(data)]
    with (
        (data / "audit.log").open("w") as log,
        subprocess.Popen([*command, "--threads", "1"], stderr=log) as auditor,
    ):
        try:
            yield
        finally:
            auditor.terminate()
            assert auditor.wait(timeout=60) == 0, (data / "audit.log").read_text()


def lie(route: Route) -> None:
    """The tab's own engine, but for its sums: past so many of them they are made up."""
    answer = route.fetch()
    honest = "    return sum;\n"
    assert answer.text().count(honest) == 1
    made_up = f"    said += 1;\n    return said < {TRUTHS} ? sum : Math.sin(said) / 2;\n"
    body = "let said = 0;\n" + answer.text().replace(honest, made_up)
    route.fulfill(response=answer, body=body)


def confirmed(data: Path) -> set[str]:
    out = data / "confirmed"
    dva("scores", POOL, "--data", str(data), "--out", str(out), "--state", "confirmed")
    return {uid for file in out.glob("*.parquet") for uid in pq.read_table(file)["uid"].to_pylist()}


def begin(page: Page, origin: str, more: str = "") -> None:
    page.goto(f"{origin}/?rung=wasm&power=full{more}")
    start(page)


def listed(page: Page) -> Locator:
    """The page's own units, asked for now."""
    page.locator("dva-credit summary").click()
    return page.locator("dva-credit .units li")


def test_a_liar_is_caught_and_the_honest_tab_is_paid(
    chromium: Browser, app: None, demo_bundle: Path, tmp_path: Path
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    ingest(
        write_small_pool(shards, shards=SHARDS, pairs=PAIRS),
        demo_bundle,
        tmp_path,
        unit_pairs=UNIT_PAIRS,
    )
    with serving(tmp_path) as origin, auditing(tmp_path):
        with chromium.new_context(reduced_motion="reduce") as liars:
            liars.set_default_timeout(PATIENCE_MS)
            liars.route("**/engine/embeddings.js", lie)
            liar = liars.new_page()
            begin(liar, origin)
            phase(liar, "failed", timeout=PATIENCE_MS)
            expect(liar.locator("dva-notices")).to_contain_text("contributor_suspended")
            caught = listed(liar).filter(has_text="what the auditor computed")
            expect(caught.first).to_have_attribute("data-state", "forfeited", timeout=PATIENCE_MS)
            expect(liar.locator("dva-credit [data-kind=forfeited]")).to_be_visible()
            expect(liar.locator("dva-credit [data-kind=confirmed]")).to_contain_text("0 pairs")
        assert confirmed(tmp_path) == set()

        with chromium.new_context(reduced_motion="reduce") as others:
            others.set_default_timeout(PATIENCE_MS)
            honest = others.new_page()
            begin(honest, origin, "&until=drained")
            phase(honest, "drained", timeout=PATIENCE_MS)
            until(lambda: len(confirmed(tmp_path)) >= SHARDS * PAIRS, seconds=120)
            expect(listed(honest).first).to_contain_text("This credit stays", timeout=PATIENCE_MS)
            paid = honest.locator("dva-credit [data-kind=confirmed]")
            expect(paid).to_contain_text(f"{pool_status(origin)['pairs']} pairs")
            expect(honest.locator("dva-credit [data-kind=forfeited]")).to_be_hidden()
