"""Waiting for one of two things."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_S = 5.0
"""What work under way is left when it is called off: what it asked for may be granted already."""


async def change(event: asyncio.Event, limit: Coroutine[Any, Any, None] | None = None) -> None:
    """Wait until `event` is set anew, or `limit` has returned."""
    event.clear()
    waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(event.wait())}
    if limit is not None:
        waiting.add(asyncio.ensure_future(limit))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The outcome of `work`; None if `event` is set first and GRACE_S weren't enough either."""
    task = asyncio.ensure_future(work)
    called_off = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({task, called_off}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=GRACE_S)
    finally:
        called_off.cancel()
        task.cancel()
    await asyncio.wait({task})
    return None if task.cancelled() else task.result()
