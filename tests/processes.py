"""The processes of this machine, as Linux's /proc tells of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path


def descendants(root: int) -> Iterator[int]:
    """Children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (parent := _parent(int(folder.name))):
            children.setdefault(parent, []).append(int(folder.name))
    waiting = [root]
    while waiting:
        found = children.get(waiting.pop(), [])
        yield from found
        waiting += found


def command_line(process: int) -> str:
    """Empty for one that has ended meanwhile."""
    return _read(process, "cmdline").replace("\0", " ")


def resident_mb(process: int) -> float:
    found = re.search(r"^VmRSS:\s+(\d+) kB", _read(process, "status"), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def _parent(process: int) -> int:
    """0 for the first process and for one that has ended meanwhile."""
    found = re.search(r"^PPid:\s+(\d+)", _read(process, "status"), re.MULTILINE)
    return int(found[1]) if found else 0


def _read(process: int, name: str) -> str:
    try:
        return Path(f"/proc/{process}/{name}").read_text(errors="replace")
    except OSError:
        return ""
