"""The web app as it is served: built by webapp/build.py, behind a real `dva serve`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.e2e.serving import ROOT, serving


@pytest.fixture(scope="session")
def app() -> None:
    """static/app/ is up to date."""
    subprocess.run([sys.executable, str(ROOT / "webapp" / "build.py")], check=True)


@pytest.fixture(scope="session")
def site(app: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Origin of a server without any pool."""
    with serving(tmp_path_factory.mktemp("site")) as origin:
        yield origin


@pytest.fixture
def foreign(page: Page) -> Iterator[list[str]]:
    """Addresses outside this machine that the page asked for. None may be reached, and at the end of
    the test there must be none."""
    asked: list[str] = []

    def judge(route: Route) -> None:
        host = route.request.url.split("/")[2].split(":")[0] if "//" in route.request.url else ""
        if host in ("127.0.0.1", ""):
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    page.context.route("**/*", judge)
    yield asked
    assert asked == []


@pytest.fixture
def shared() -> Path:
    return ROOT / "tests" / "e2e"
