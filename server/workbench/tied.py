"""python -m server.workbench.tied MODULE ...: as python -m MODULE ..., for as long as whoever began
it lives.

Its stdin is a pipe that nobody writes to. The system closes it when the other end is gone, however
that process ended, and on every system: PR_SET_PDEATHSIG is Linux's, and goes off with the thread
that began a process.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from types import FrameType

GRACE_S = 5.0


def tie(grace_s: float = GRACE_S) -> None:
    """Once stdin ends, this process is ended as by SIGTERM, so that it removes what it has begun;
    if that takes longer, it is killed with its whole group."""
    signal.signal(signal.SIGTERM, _ended)
    threading.Thread(target=_watch, args=(grace_s,), daemon=True).start()


def _watch(grace_s: float) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    os.killpg(0, signal.SIGKILL)


def _ended(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    tie()
    del sys.argv[0]
    # After that: what it stands on takes a second to load.
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
