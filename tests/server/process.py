"""The real `dva serve` (or `dva demo`), as its own process group."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from server.config import Settings
from tests.processes import descendants

PATIENCE_S = 30.0


def command(*arguments: str) -> list[str]:
    """The installed `dva`, of this very environment."""
    return [str(Path(sys.executable).parent / "dva"), *arguments]


def environment(settings: Settings) -> Mapping[str, str]:
    """The settings a test runs with, told the way an operator tells them."""
    told = {
        "DVA_DATA": settings.data,
        "DVA_DATABASE": settings.database,
        "DVA_SECRET_KEY": settings.secret_key,
        "DVA_UNIT_PAIRS": settings.unit_pairs,
        "DVA_LEASE_SECONDS": settings.lease_seconds,
        "DVA_LEASE_MAX_SECONDS": settings.lease_max_seconds,
        "DVA_REPORTS_PER_DAY": settings.reports_per_day,
        "DVA_REQUESTS_PER_SECOND": settings.requests_per_second,
        "DVA_WORKERS": settings.workers,
        "DVA_LOG_LEVEL": settings.log_level,
        "DVA_LOG_FORMAT": settings.log_format,
        "DVA_METRICS_TOKEN": settings.metrics_token,
    }
    return {**os.environ, **{name: str(value) for name, value in told.items()}}


class Server:
    def __init__(self, settings: Settings, *, name: str = "serve", port: int = 0) -> None:
        self._process = subprocess.Popen(
            command(name, "--port", str(port)),
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        line = self._out.readline()
        assert line.startswith("DVA is at http://127.0.0.1:"), line + self._err.read()
        self.url = line.removeprefix("DVA is at ").strip()
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """kill -9 of the arbiter and its workers, at once. Nothing if it has stopped."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def kill_worker(self, chance: random.Random) -> None:
        """kill -9 of one of the arbiter's workers, once there is one; it forks another."""
        deadline = time.monotonic() + PATIENCE_S
        while not (workers := sorted(descendants(self._process.pid))):
            assert time.monotonic() < deadline, "the arbiter forks no worker"
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)

    def interrupt(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit status, and what it said on stderr."""
        self._process.terminate()
        _, errors = self._process.communicate(timeout=30)
        return self._process.returncode, errors

    @property
    def _out(self) -> IO[str]:
        assert self._process.stdout
        return self._process.stdout

    @property
    def _err(self) -> IO[str]:
        assert self._process.stderr
        return self._process.stderr
