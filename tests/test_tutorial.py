"""docs/tutorial.md does what it says: its commands are run in order, and print what it shows."""

from __future__ import annotations

import doctest
import os
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.config import CHECKOUT
from server.fetching import environment

TUTORIAL = CHECKOUT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PORTS = ("8100", "8001")
BAR = re.compile(r"^\S[^:]*:.*\[\d+:\d\d[<,\]].*$")
"""A line of tqdm's."""
DONE = "the command ended with "
PATIENCE_S = 240.0
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, kw_only=True)
class Step:
    command: str
    printed: str


def steps(text: str) -> list[Step]:
    found = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append(Step(command=command, printed=printed))
    return found


class Terminal:
    """A shell with job control, and what it has printed since the last command."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._printed = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.run(Step(command="set -m", printed=""))

    def run(self, step: Step) -> str:
        """What was printed, once the command has ended, and, if it goes on in the background, has
        printed what it should."""
        assert self._shell.stdin
        self._printed.clear()
        self._shell.stdin.write(f'{step.command}\necho "{DONE}$?"\n'.encode())
        self._shell.stdin.flush()
        deadline = time.monotonic() + PATIENCE_S
        while not (ended := DONE in self.printed) or (
            step.command.endswith("&") and not like(step.printed, shown(self.printed))
        ):
            assert time.monotonic() < deadline, self.printed
            assert self._shell.poll() is None, self.printed
            time.sleep(0.05)
        assert ended
        assert f"{DONE}0\n" in self.printed, self.printed
        return shown(self.printed)

    @property
    def printed(self) -> str:
        return bytes(self._printed).decode(errors="replace")

    def close(self) -> None:
        """And whatever was started and not stopped."""
        members = _session(self._shell.pid)
        for process in members:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._shell.wait()
        self._reader.join()
        for end in (self._shell.stdin, self._shell.stdout):
            assert end
            end.close()

    def _read(self) -> None:
        assert self._shell.stdout
        while chunk := os.read(self._shell.stdout.fileno(), 65536):
            self._printed += chunk


def shown(printed: str) -> str:
    """Without progress bars, the shell's own words and our mark."""
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[A-Z]", "\n", printed))
    kept = [line.rstrip() for line in lines if line.strip() and not BAR.match(line)]
    return "".join(f"{line}\n" for line in kept if not line.startswith(DONE))


def like(wanted: str, got: str) -> bool:
    return doctest.OutputChecker().check_output(wanted, got, LIKE)


def _session(leader: int) -> list[int]:
    """The processes of a session: the shell, and jobs, which are groups of their own."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return found


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


@pytest.mark.slow
def test_each_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    environment.make(environment.DEFAULT)
    for name in (".venv", "static", "build"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    text = TUTORIAL.read_text(encoding="utf-8")
    for port in PORTS:
        text = text.replace(port, _free_port())
    # Not the phrase and the models of whoever runs the tests.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DVA_")}
    terminal = Terminal(tmp_path, {**kept, "HOME": str(tmp_path), "COLUMNS": "100"})
    try:
        for step in steps(text):
            got = terminal.run(step)
            print(f"$ {step.command}\n{got}")
            assert not step.printed or like(step.printed, got), f"{step.printed}---\n{got}"
    finally:
        terminal.close()
    assert not (tmp_path / "tutorial").exists()
