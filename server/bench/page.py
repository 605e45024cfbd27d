"""What the contributor's page costs, on the first visit and on the second."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from server.bench.tap import tap
from server.bench.visit import Visit, visit
from server.errors import BenchError

WARM_USABLE_S = 1.5
WARM_FIRST_SCORE_S = 8.0
WARM_BYTES = 200_000
BARRED_RUNG = "wasm"
"""A software adapter says nothing of a GPU, so other rungs are reported without a bar."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One thing that the page must keep to, in the median of the second visits."""

    name: str
    found: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.found <= self.limit


@dataclass(frozen=True, kw_only=True)
class PageBench:
    """`cold`: visits with a new profile; `warm`: each the second one with the same profile."""

    rung: str
    load: float
    cold: list[Visit]
    warm: list[Visit]

    @property
    def bars(self) -> list[Bar]:
        if self.rung != BARRED_RUNG:
            return []
        return [
            Bar(
                name="warm_page_usable_s",
                found=statistics.median(one.page_usable_s for one in self.warm),
                limit=WARM_USABLE_S,
            ),
            Bar(
                name="warm_first_score_s",
                found=statistics.median(one.first_score_s for one in self.warm),
                limit=WARM_FIRST_SCORE_S,
            ),
            Bar(
                name="warm_bytes_beside_pictures",
                found=statistics.median(one.bytes_beside_pictures for one in self.warm),
                limit=WARM_BYTES,
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "rung": self.rung,
            "cores": os.cpu_count(),
            "load": self.load,
            "runs": len(self.cold),
            "cold": medians(self.cold),
            "warm": medians(self.warm),
            "bars": [
                {"name": bar.name, "found": bar.found, "limit": bar.limit, "holds": bar.holds}
                for bar in self.bars
            ],
            "visits": {
                "cold": [one.as_json() for one in self.cold],
                "warm": [one.as_json() for one in self.warm],
            },
        }


def medians(visits: list[Visit]) -> dict[str, Any]:
    """Of each figure by itself; `heaviest` is that of the first visit."""
    told = [one.as_json() for one in visits]
    found: dict[str, Any] = {}
    for name, value in told[0].items():
        if isinstance(value, int | float):
            found[name] = statistics.median(one[name] for one in told)
    found["phases_s"] = {
        phase: statistics.median(one.phases_s[phase] for one in visits)
        for phase in visits[0].phases_s
    }
    found["heaviest"] = dict(visits[0].heaviest)
    return found


def bench_page(*, server: str | None, rung: str, runs: int, say: Say) -> PageBench:
    """`server`: its address; None: a demo of its own. `runs` times a new profile visits twice.
    Raises BenchError."""
    try:
        from playwright.sync_api import Error as PlaywrightError
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BenchError(
            "Playwright isn't installed, which drives the browser.",
            code="playwright_missing",
            next_step="Run: make setup-dev",
        ) from error
    cold: list[Visit] = []
    warm: list[Visit] = []
    with _served(server) as port, tap(port) as wire:
        try:
            with sync_playwright() as playwright:
                load = os.getloadavg()[0]
                for number in range(runs):
                    with tempfile.TemporaryDirectory(prefix="dva-bench-") as profile:
                        for title, visits in (("first", cold), ("second", warm)):
                            found = visit(
                                playwright,
                                profile=Path(profile),
                                tap=wire,
                                rung=rung,
                                executable=_chromium(),
                            )
                            visits.append(found)
                            say(_line(number + 1, title, found))
        except PlaywrightError as error:
            raise BenchError(f"The browser failed: {str(error).splitlines()[0]}") from error
    return PageBench(rung=rung, load=load, cold=cold, warm=warm)


def _line(run: int, title: str, found: Visit) -> str:
    return (
        f"run {run}, {title} visit: usable {found.page_usable_s:.2f} s, first score"
        f" {found.first_score_s:.2f} s, {found.requests} requests,"
        f" {found.bytes_beside_pictures / 1000:,.0f} KB beside pictures"
    )


def _chromium() -> str | None:
    """$DVA_CHROMIUM, else the system's; None: Playwright's own."""
    return os.environ.get("DVA_CHROMIUM") or shutil.which("chromium")


@contextmanager
def _served(server: str | None) -> Iterator[int]:
    """The port of 127.0.0.1 where the server listens."""
    if server is not None:
        yield _port_of(server)
        return
    with tempfile.TemporaryDirectory(prefix="dva-bench-") as folder:
        command = [sys.executable, "-m", "server", "demo", "--data", folder, "--port", "0"]
        with subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as demo:
            assert demo.stdout is not None
            line = demo.stdout.readline()
            try:
                if not line.startswith("DVA is at "):
                    raise BenchError("The demo can't be served.", next_step="Try: make run")
                yield _port_of(line.removeprefix("DVA is at ").strip())
            finally:
                demo.terminate()


def _port_of(address: str) -> int:
    """Only this machine's servers: times over a network are another benchmark."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost"):
        raise BenchError(f"{address} is no server of this machine, such as http://127.0.0.1:8000")
    return parts.port or 80
