"""How hard the agent works: a share of the time, as rests between batches."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from dva_agent.clock import Clock
from dva_agent.waiting import change

MIN_SHARE = 0.05
LONGEST_REST_S = 10.0
"""After one batch, however slow it was: nobody should take a rest for a fault."""


def rest_after(busy_s: float, share: float) -> float:
    """Seconds to rest after `busy_s` of work, so that work is `share` of the whole."""
    share = min(1.0, max(MIN_SHARE, share))
    return min(LONGEST_REST_S, max(0.0, busy_s) * (1.0 / share - 1.0))


class Pace:
    """Starts at full. One batch is computed at a time, so there is one rest at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._share = 1.0
        self._busy_since: float | None = None
        self._changed = asyncio.Event()

    def set(self, share: float) -> None:
        """`share` of the time to work, in (0, 1]. A rest under way ends."""
        self._share = share
        self._changed.set()

    def watched(self, turn: AbstractAsyncContextManager[object]) -> Turn:
        """`turn`, whose holder's time counts as work."""
        return Turn(self, turn)

    def work(self, *, begins: bool) -> None:
        """The device gets busy, or is left alone."""
        self._busy_since = self._clock.now() if begins else None

    async def rest(self) -> float:
        """After a batch. Returns the seconds rested; none if nobody holds the turn: what is done
        without it is no burden."""
        if self._busy_since is None:
            return 0.0
        began = self._clock.now()
        seconds = rest_after(began - self._busy_since, self._share)
        if seconds > 0:
            await change(self._changed, self._clock.sleep(seconds))
        self._busy_since = self._clock.now()
        return self._busy_since - began


class Turn(AbstractAsyncContextManager[object]):
    """Waiting for it is no work, holding it is."""

    def __init__(self, pace: Pace, turn: AbstractAsyncContextManager[object]) -> None:
        self._pace = pace
        self._turn = turn

    async def __aenter__(self) -> object:
        held = await self._turn.__aenter__()
        self._pace.work(begins=True)
        return held

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._pace.work(begins=False)
        return await self._turn.__aexit__(kind, error, trace)
