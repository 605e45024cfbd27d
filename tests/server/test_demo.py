"""`dva demo` with the parts that `make setup` made: the pool, the bundle, the app."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest
from dva_agent.backoff import Backoff
from dva_agent.protocol import ROOT, ServerStatus, decode

from server.cli import serving
from server.config import Settings
from tests.processes import descendants
from tests.server.process import PATIENCE_S, Server


@pytest.mark.slow
def test_the_demo_serves_its_pool_and_keeps_its_data(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    for said in ("4 shards added", "4 in already"):
        server = Server(settings, name="demo")
        with httpx.Client(base_url=server.url) as client:
            status = decode(client.get(ROOT + "/status").content, ServerStatus)
            [pool] = status.pools
            assert (pool.pool, pool.safe, pool.units_done) == ("demo", True, 0)
            assert pool.units >= 15
            assert pool.attribution
            assert client.get(pool.bundle_url + "manifest.json").status_code == 200
            assert client.get("/").status_code == 200
        code, errors = server.stop()
        assert code == 0
        assert said in errors
        assert "Traceback" not in errors


def test_an_auditor_that_is_killed_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "AUDITOR_BACKOFF", Backoff(first=0.1))
    own = set(descendants(os.getpid()))
    with serving.auditor_beside(Settings(data=tmp_path)):
        [first] = set(descendants(os.getpid())) - own
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while not set(descendants(os.getpid())) - own - {first}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert set(descendants(os.getpid())) == own
    assert capsys.readouterr().err.count("The auditor has ended; it begins anew") == 1
