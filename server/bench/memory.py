"""A command's wall and processor time, and the peak memory of its whole tree of processes. Needs
Linux."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.02
KB = 1024


@dataclass(frozen=True, kw_only=True)
class Spent:
    seconds: float
    cpu_seconds: float
    """Of all processes that it waited for, and its own."""
    peak_bytes: int
    """Of the sum over the tree of what is resident and private, and each page that several share
    in parts (PSS)."""


def spend(command: Sequence[str]) -> Spent:
    """Raises CalledProcessError with its stderr where the command fails."""
    with tempfile.TemporaryFile("w+") as said:
        start, before = time.monotonic(), _cpu()
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(_pss(pid) for pid in _tree(process.pid)))
            time.sleep(EVERY_S)
        seconds = time.monotonic() - start
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(
                process.returncode, list(command), stderr=said.read()
            )
    return Spent(seconds=seconds, cpu_seconds=_cpu() - before, peak_bytes=peak)


def _cpu() -> float:
    """What ended children of this process have used so far, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        # Gone meanwhile.
        return 0
    return sum(int(line.split()[1]) * KB for line in lines if line.startswith("Pss:"))


def said(spent: Spent) -> str:
    gigabytes = spent.peak_bytes / 1e9
    return f"{spent.seconds:.1f} s, CPU {spent.cpu_seconds:.1f} s, {gigabytes:.2f} GB"
