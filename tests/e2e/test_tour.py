"""`dva tour`: a tab scores the demo pool, with a terminal beside it so that it takes less long, and
what came out is a page of pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.acting import phase, start
from tests.e2e.serving import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 400_000
"""The machine may be busy."""


def test_run_watch_grade_and_see(app: None, page: Page, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("dva")), "tour", "--out", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as tour:
        assert tour.stdout is not None
        first = tour.stdout.readline()
        address = re.search(r"http://\S+", first)
        assert address, first
        page.goto(f"{address[0]}&rung=wasm&power=full")
        start(page)
        phase(page, "running")
        origin, _, _ = address[0].partition("/?")
        helper = [command[0], "agent", "--server", origin, "--threads", "1"]
        with subprocess.Popen(helper, stderr=subprocess.DEVNULL) as terminal:
            try:
                assert tour.wait(PATIENCE_MS / 1000) == 0
            finally:
                terminal.kill()  # Its server ends with the tour.
    rungs = [
        rung
        for file in tmp_path.glob("scores/*.parquet")
        for rung in pq.read_table(file)["rung"].to_pylist()
    ]
    assert len(rungs) == 3852
    assert set(rungs) == {"wasm", "native"}
    page.goto((tmp_path / "tour.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "The emoji demo: 3,841 pairs, scored here"
    )
    expect(page.get_by_role("img", name="Scores of right and of wrong captions")).to_be_visible()
    pictures = page.locator("li img")
    expect(pictures).to_have_count(24)
    widths = pictures.evaluate_all("images => images.map((image) => image.naturalWidth)")
    assert all(width > 0 for width in widths)
