"""docs/agents.md, run: its agent is put into a copy of this checkout, and with not one other change
works on a pool in a terminal and in a tab."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.acting import phase, start
from tests.e2e.serving import ROOT
from tests.server.pool_factory import uid, write_tar

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = (ROOT / "docs" / "agents.md").read_text()
CAPTIONS = ["BUY NOW", "A red Apple", "a red apple", "1920 x 1080", "ÉTÉ à Paris", ""] * 4
CAPITALS = {"BUY NOW": 1.0, "A red Apple": 2 / 9, "a red apple": 0.0, "1920 x 1080": 0.0}
UNIT_PAIRS = 4


class Copy:
    """A checkout in another folder. Commands of the page run in it as they stand there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("webapp", "server", "requirements"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copytree(ROOT / "static" / "css", folder / "static" / "css")
        for name in ("pyproject.toml", "LICENSE"):
            shutil.copy(ROOT / name, folder / name)
        # What is only read, and what was compiled for the tab before.
        (folder / "build").mkdir()
        (ROOT / "build" / "tab").mkdir(parents=True, exist_ok=True)
        for name in ("node_modules", "static/models", "build/tab"):
            (folder / name).symlink_to(ROOT / name)
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{folder}:{folder / 'webapp'}",
            "XDG_CACHE_HOME": str(folder / "cache"),
            "DVA_UNIT_PAIRS": str(UNIT_PAIRS),
        }

    def arguments(self, line: str) -> list[str]:
        program, *rest = shlex.split(line)
        return [str(Path(sys.executable).with_name(Path(program).name)), *rest]

    def run(self, line: str) -> None:
        done = subprocess.run(
            self.arguments(line),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def command(name: str) -> str:
    """The page's only command of this name."""
    (line,) = re.findall(rf"^    (\.venv/bin/\S+ {re.escape(name)}.*)$", PAGE, re.MULTILINE)
    return str(line)


def write_pool(folder: Path) -> Path:
    members = []
    for number, caption in enumerate(CAPTIONS):
        key = f"{number:09d}"
        members += [
            (f"{key}.jpg", b"not looked at"),
            (f"{key}.txt", caption.encode()),
            (f"{key}.json", f'{{"uid": "{uid(number)}"}}'.encode()),
        ]
    write_tar(folder / "00000.tar", members)
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """With the page's agent where the page says, and all that comes before `serve` done."""
    made = Copy(tmp_path_factory.mktemp("checkout"))
    (where,) = re.findall(r"^Put this into `(\S+)`", PAGE, re.MULTILINE)
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert not (ROOT / where).exists()
    (made.folder / where).write_text(source)
    pool = write_pool(made.folder / "shards")
    made.run(command("webapp/build.py"))
    made.run(command("ingest").replace("/path/to/shards", str(pool)))
    return made


@pytest.fixture(scope="module")
def origin(copy: Copy) -> Iterator[str]:
    line = command("serve").replace("--port 8000", "--port 0")
    with subprocess.Popen(
        copy.arguments(line),
        cwd=copy.folder,
        env=copy.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.terminate()


def test_the_agent_of_the_page(copy: Copy, origin: str, page: Page, asked: list[str]) -> None:
    terminal = command("agent").replace("http://127.0.0.1:8000", origin)
    copy.run(f"{terminal} --units 2")
    page.goto(f"{origin}/?until=drained")
    start(page)
    phase(page, "drained")
    # The page has no words for this agent: its own names stand for it.
    expect(page.locator("dva-feed .card:not(.empty)").first).to_contain_text("capitals")
    expect(page.locator("dva-pool")).to_contain_text("Agent: capitals")
    expect(page.locator("dva-model")).to_contain_text("No model")
    expect(page.locator("dva-where")).to_contain_text("Python alone, without a model")
    expect(page.locator("dva-notices")).to_be_hidden()
    assert not [address for address in asked if address.endswith((".onnx", "/golden.json"))]
    copy.run(command("scores"))
    rows = pq.read_table(copy.folder / "scores" / "00000.parquet").to_pylist()
    assert len(rows) == len(CAPTIONS)
    for row, caption in zip(rows, CAPTIONS, strict=True):
        assert row["status"] == ("scored" if caption else "caption_empty")
        if caption in CAPITALS:
            assert row["capitals"] == pytest.approx(CAPITALS[caption])
    units = {(row["unit"], row["device_class"].startswith("Python in a tab")) for row in rows}
    by_tab = [in_tab for _, in_tab in sorted(units)]
    assert by_tab.count(False) == 2
    assert by_tab.count(True) == len(CAPTIONS) // UNIT_PAIRS - 2
    assert {row["rung"] for row in rows} == {"python"}


def test_the_agent_of_the_page_is_as_clean_as_ours(copy: Copy) -> None:
    (where,) = re.findall(r"^Put this into `(\S+)`", PAGE, re.MULTILINE)
    copy.run(f".venv/bin/ruff check {where}")
    copy.run(f".venv/bin/ruff format --check {where}")
