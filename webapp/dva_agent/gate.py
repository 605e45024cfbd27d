"""A gate that work passes between batches: open, or closed while the person has paused."""

from __future__ import annotations

import asyncio


class Gate:
    """Starts open."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @property
    def is_open(self) -> bool:
        return self._open.is_set()

    def close(self) -> None:
        """Whoever comes to it now waits."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def passed(self) -> None:
        """Returns when the gate is open."""
        await self._open.wait()
