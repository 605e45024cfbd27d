"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`problem`: DVA doesn't work, or not rightly, until it is mended. `warning`: it works, but an
    operator should know. `do` is empty where nothing needs doing."""

    check: str
    state: Literal["ok", "warning", "problem"]
    says: str
    do: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check=check, state="ok", says=says)


def warning(check: str, says: str, do: str) -> Finding:
    return Finding(check=check, state="warning", says=says, do=do)


def problem(check: str, says: str, do: str) -> Finding:
    return Finding(check=check, state="problem", says=says, do=do)


def some(names: list[str], most: int = 3) -> str:
    """The first few of them, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
