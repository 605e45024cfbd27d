"""`dva agent` as a process of its own, against `dva serve` as another."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from dva_agent.protocol import ServerStatus, decode, unpack_scores

from server.config import Settings
from tests.dva_agent.world import UNIT_PAIRS, UNITS, write_pool
from tests.server.process import Server, command


@pytest.fixture
def served(tmp_path: Path, demo_bundle: Path) -> Iterator[tuple[Server, Path]]:
    """A server with a small pool, and its data folder."""
    settings = Settings(data=tmp_path / "data", unit_pairs=UNIT_PAIRS)
    subprocess.run(
        command(
            *("ingest", "test", str(write_pool(tmp_path / "pool"))),
            *("--bundle", str(demo_bundle), "--data", str(settings.data)),
        ),
        check=True,
        capture_output=True,
        env={**os.environ, "DVA_UNIT_PAIRS": str(UNIT_PAIRS)},
    )
    server = Server(settings)
    yield server, settings.data
    status, errors = server.stop()
    assert status == 0, errors


def agent(url: str, cache: Path, *more: str) -> subprocess.Popen[str]:
    cache.mkdir(exist_ok=True)
    return subprocess.Popen(
        command("agent", "--server", url, "--cache", str(cache), "--threads", "1", *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def leased(url: str) -> int:
    status = decode(httpx.get(url + "/api/v1/status").content, ServerStatus)
    return status.pools[0].units_leased


def stored(data: Path) -> list[list[float]]:
    with sqlite3.connect(data / "dva.db") as database:
        rows = database.execute("SELECT scores FROM result ORDER BY unit_id").fetchall()
    database.close()
    return [unpack_scores(blob) for (blob,) in rows]


def test_so_many_units_then_to_the_end(served: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = served
    some = agent(server.url, tmp_path / "cache", "--units", "2")
    output, errors = some.communicate(timeout=120)
    assert some.returncode == 0, errors
    assert output == ""
    assert "self-test passed" in errors
    assert "2 units stored" in errors
    assert len(stored(data)) == 2
    rest = agent(server.url, tmp_path / "cache")
    _, errors = rest.communicate(timeout=120)
    assert rest.returncode == 0, errors
    assert len(stored(data)) == UNITS
    assert leased(server.url) == 0


def test_ctrl_c_is_polite(served: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = served
    process = agent(server.url, tmp_path / "cache")
    deadline = time.monotonic() + 60
    while not stored(data) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert leased(server.url) == 0
    assert 1 <= len(stored(data)) <= UNITS


def test_a_server_that_is_not_there_is_named_and_waited_for(tmp_path: Path) -> None:
    process = agent("http://127.0.0.1:9", tmp_path / "cache")
    assert process.stderr
    said = ""
    while "does not answer" not in said:
        said += process.stderr.read(1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
