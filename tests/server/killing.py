"""A process of its own, killed with -9 at a call or return of the code that is looked at."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import server

NO_STEPS = ("<", "process_")
"""Comprehensions, and how times are stored."""


def code(*names: str) -> tuple[str, ...]:
    """Files and folders of the server."""
    return tuple(str(Path(server.__file__).parent / name) for name in names)


def killed_at(step: int, run: Callable[[], object], within: tuple[str, ...]) -> bool:
    """Runs it in a process of its own, which is killed at its `step`-th call or return within that
    code; false: it ended before."""
    child = os.fork()
    if not child:
        try:
            left = step

            def count(frame: FrameType, event: str, argument: object) -> None:
                nonlocal left
                code = frame.f_code
                if event not in ("call", "return") or not code.co_filename.startswith(within):
                    return
                if code.co_name.startswith(NO_STEPS):
                    return
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.setprofile(count)
            run()
            sys.setprofile(None)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False
