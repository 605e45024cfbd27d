"""The web app as it is served: built by webapp/build.py, behind a real `dva serve`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.serving import ROOT, ingest, serving
from tests.e2e.small_pool import write_small_pool
from tests.web_app import build_web_app

PATIENCE_MS = 90_000
"""The machine may be busy."""

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def demo_bundle() -> Path:
    return ROOT / "static" / "models" / "demo-q8"


@pytest.fixture(scope="session")
def app() -> None:
    """static/app/ is up to date."""
    build_web_app()


@pytest.fixture(scope="session")
def site(app: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Origin of a server without any pool."""
    with serving(tmp_path_factory.mktemp("site")) as origin:
        yield origin


@pytest.fixture
def origin(app: None, demo_bundle: Path, tmp_path: Path) -> Iterator[str]:
    """Of a server with one pair to score."""
    shards = tmp_path / "shards"
    shards.mkdir()
    ingest(write_small_pool(shards, shards=1, pairs=1), demo_bundle, tmp_path, unit_pairs=256)
    with serving(tmp_path) as origin:
        yield origin


@pytest.fixture
def asked(context: BrowserContext) -> list[str]:
    """Every address that a page or its Workers ask for, as it happens."""
    addresses: list[str] = []
    context.on("request", lambda request: addresses.append(request.url))
    return addresses


@pytest.fixture
def page(context: BrowserContext) -> Page:
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()
