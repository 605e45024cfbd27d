"""Chromium by its own debugging protocol, over a pipe, with no more of it switched on than is asked
for.

Playwright can't stand in here: it always listens to the network, and then the renderer keeps the
bodies of answers for a debugger that may want to see them, 100 MB of them. A tab that is watched
like that holds a hundred megabytes that no contributor's tab holds.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

ANSWERS_WITHIN_S = 60.0
_READ = 1 << 16


class DevToolsError(Exception):
    """The browser refused a command, gave no answer in time, or has ended."""


class DevTools:
    """One browser's end of the pipe. Not thread-safe."""

    def __init__(self, *, commands: int, answers: int) -> None:
        """File descriptors: `commands` is written to, `answers` read from."""
        self._commands = commands
        self._answers = answers
        self._unread = b""
        self._last = 0
        self._events: list[dict[str, Any]] = []

    def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Raises DevToolsError."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            os.write(self._commands, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise DevToolsError("the browser has ended") from error
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while (wait := deadline - time.monotonic()) > 0:
            for told in self._read(wait):
                if told.get("id") != self._last:
                    self._events.append(told)
                elif "error" in told:
                    raise DevToolsError(f"{method}: {told['error']['message']}")
                else:
                    return dict(told["result"])
        raise DevToolsError(f"{method}: no answer within {ANSWERS_WITHIN_S:g} s")

    def evaluate(self, session: str, expression: str) -> Any:
        """What an expression comes to, as JSON holds it. Raises DevToolsError if it throws."""
        found = self.send(
            "Runtime.evaluate",
            session,
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in found:
            raise DevToolsError(f"{expression}: {found['exceptionDetails']['text']}")
        return found["result"].get("value")

    def attach(self, target: str) -> str:
        """The session of one target, until `Target.detachFromTarget`."""
        return str(self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def events(self) -> list[dict[str, Any]]:
        """What was told meanwhile, each once."""
        while arrived := self._read(0):
            self._events += arrived
        told, self._events = self._events, []
        return told

    def _read(self, wait_s: float) -> list[dict[str, Any]]:
        """Messages that are here, or those that come first within `wait_s`."""
        if not select.select([self._answers], [], [], wait_s)[0]:
            return []
        arrived = os.read(self._answers, _READ)
        if not arrived:
            raise DevToolsError("the browser has ended")
        *whole, self._unread = (self._unread + arrived).split(b"\0")
        return [json.loads(message) for message in whole]


@contextmanager
def chromium(executable: str, flags: Sequence[str]) -> Iterator[DevTools]:
    """A headless one with a profile of its own."""
    profile = tempfile.mkdtemp(prefix="soak-chromium-")
    its_commands, commands = os.pipe()
    answers, its_answers = os.pipe()
    # Where --remote-debugging-pipe has them. Pipes are numbered upwards from 3, so that the second
    # one's end isn't overwritten by the first line.
    actions = [
        (os.POSIX_SPAWN_DUP2, its_commands, 3),
        (os.POSIX_SPAWN_DUP2, its_answers, 4),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    own = ("--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}")
    process = os.posix_spawn(
        executable, [executable, *own, *flags, "about:blank"], os.environ, file_actions=actions
    )
    os.close(its_commands)
    os.close(its_answers)
    devtools = DevTools(commands=commands, answers=answers)
    try:
        yield devtools
    finally:
        os.kill(process, signal.SIGTERM)
        os.close(commands)
        os.close(answers)
        os.waitpid(process, 0)
        shutil.rmtree(profile, ignore_errors=True)
