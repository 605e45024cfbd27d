"""The `dva` command, in the test's own process."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from server import cli
from server.config import Settings
from tests.server.process import environment


@dataclass(frozen=True, kw_only=True)
class Done:
    status: int
    out: str
    err: str


class Dva:
    """Runs the command in this process, which saves a second of imports each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, settings: Settings, *arguments: str, stdin: str = "") -> Done:
        with self._monkeypatch.context() as patch:
            for name, value in environment(settings).items():
                patch.setenv(name, value)
            patch.setattr("sys.argv", ["dva", *arguments])
            patch.setattr("sys.stdin", io.StringIO(stdin))
            # In a thread of its own: where browser tests ran before, this one has Playwright's
            # loop, and a command that talks to a server runs one.
            with ThreadPoolExecutor(1) as threads, pytest.raises(SystemExit) as caught:
                threads.submit(cli.main).result()
        captured = self._capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Done(status=caught.value.code, out=captured.out, err=captured.err)
