"""How far the steps of an export have come, for people who wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from tqdm import tqdm

Progress = Callable[[str, int, int], object]
"""Gets what is being done, how much of it is done, and how much it is."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


@contextmanager
def bars() -> Iterator[Progress]:
    """A bar for each step, on stderr and only where that is a terminal."""
    shown: dict[str, tqdm[NoReturn]] = {}

    def told(what: str, done: int, total: int) -> None:
        if what not in shown:
            close()
            shown[what] = tqdm(total=total, desc=what, disable=None, delay=1, position=0)
        shown[what].update(done - shown[what].n)

    def close() -> None:
        while shown:
            shown.popitem()[1].close()

    try:
        yield told
    finally:
        close()
