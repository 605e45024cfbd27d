"""Who works here: keys from the first start, the same device after a reload."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.acting import phase, press, start
from tests.e2e.serving import ingest, pool_status, serving, until
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESS = "?rung=wasm&power=full"


@pytest.fixture(scope="module")
def data(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("you")
    shards = data / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=2, pairs=300)
    ingest(shards, demo_bundle, data, unit_pairs=8)
    return data


@pytest.fixture(scope="module")
def origin(data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(data / "dva.db") as database:
        return database.execute(query).fetchall()


def work(page: Page, origin: str, units: int = 1) -> None:
    """Start, and finish when the server has some units more."""
    before = pool_status(origin)["units_done"]
    start(page)
    until(lambda: pool_status(origin)["units_done"] >= before + units, seconds=120)
    press(page, "Finish")
    phase(page, "finished")


def test_a_browser_is_one_device_from_its_first_start(page: Page, origin: str, data: Path) -> None:
    page.goto(f"{origin}/{ADDRESS}")
    assert rows(data, "SELECT * FROM device") == []
    work(page, origin)
    keys = "SELECT id, key_algorithm, length(public_key), length(certificate) FROM device"
    [(device, *kept)] = rows(data, keys)
    assert kept == ["ed25519", 32, 64]
    page.reload()
    press(page, "Start")
    phase(page, "running")
    press(page, "Stop")
    phase(page, "stopped")
    assert [known for known, *_ in rows(data, keys)] == [device]
    signed = rows(data, "SELECT DISTINCT device_id, length(signature) FROM result")
    assert signed == [(device, 64)]
