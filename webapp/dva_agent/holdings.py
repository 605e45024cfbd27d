"""The leases held now, and keeping them alive."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from dva_agent.client import ServerClient
from dva_agent.clock import Clock
from dva_agent.errors import MessageError, Refused, ServerError
from dva_agent.events import Held
from dva_agent.narrator import Narrator
from dva_agent.protocol import Lease

CHECK_S = 5.0
RENEW_AFTER = 1 / 3
"""Of the time a lease has: two heartbeats may get lost."""


@dataclass(kw_only=True, eq=False)
class Holding:
    """One lease and the task that works on it. `lost`: why the server took it back."""

    lease: Lease
    task: asyncio.Task[None]
    renew_at: float
    lost: Refused | None = None


class Holdings:
    def __init__(self, *, client: ServerClient, clock: Clock, narrator: Narrator) -> None:
        self._client = client
        self._clock = clock
        self._narrator = narrator
        self._held: dict[str, Holding] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, lease: str) -> bool:
        return lease in self._held

    def take(self, lease: Lease, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start to work on a lease; it is held until `drop`."""
        task = asyncio.ensure_future(work)
        renew_at = self._clock.now() + lease.expires_in_s * RENEW_AFTER
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._held[lease.lease] = Holding(lease=lease, task=task, renew_at=renew_at)
        self._tell()
        return task

    def drop(self, lease: Lease) -> Refused | None:
        """The lease is done with. Returns why it had been taken back, if it had."""
        holding = self._held.pop(lease.lease)
        self._tell()
        return holding.lost

    def cancel_all(self) -> None:
        """Stop all work; each task gives its lease back."""
        for holding in self._held.values():
            holding.task.cancel()

    async def settle(self) -> None:
        """Returns when no work is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def keep_alive(self) -> None:
        """Send heartbeats until cancelled. Work on a lease that the server has taken back is
        cancelled."""
        while True:
            await self._clock.sleep(CHECK_S)
            now = self._clock.now()
            due = [holding for holding in self._held.values() if holding.renew_at <= now]
            await asyncio.gather(*(self._renew(holding) for holding in due))

    async def _renew(self, holding: Holding) -> None:
        try:
            answer = await self._client.heartbeat(holding.lease.lease)
        except Refused as error:
            holding.lost = error
            holding.task.cancel()
        except (ServerError, MessageError) as error:
            self._narrator.retrying(error, CHECK_S)
        else:
            holding.renew_at = self._clock.now() + answer.expires_in_s * RENEW_AFTER

    def _tell(self) -> None:
        self._narrator.tell(Held(leases=list(self._held)))
