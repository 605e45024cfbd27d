"""The leases held now: keeping them alive, and giving them back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from dva_agent.client import ServerClient
from dva_agent.clock import Clock
from dva_agent.errors import DvaError, MessageError, Refused, ServerError
from dva_agent.events import Held, UnitDropped
from dva_agent.narrator import Narrator
from dva_agent.protocol import Lease

CHECK_S = 5.0
RENEW_AFTER = 1 / 3
"""Of the time a lease has: two heartbeats may get lost."""

GOODBYE_S = 5.0
"""For giving a lease back, and for results on the way at a hasty stop."""

LEASE_GONE = frozenset(
    {"lease_unknown", "lease_not_yours", "lease_expired", "lease_abandoned", "result_conflict"}
)
"""Codes after which there is nothing to give back."""


@dataclass(kw_only=True, eq=False)
class Holding:
    """One lease and the task that works on it. `submitting`: its result is on the way, and the
    answer to that alone decides. `lost`: why the server took it back."""

    lease: Lease
    task: asyncio.Task[None]
    renew_at: float
    submitting: bool = False
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

    def submits(self, lease: Lease) -> None:
        """From here on a refused heartbeat may just mean that the result has arrived."""
        self._held[lease.lease].submitting = True

    def drop(self, lease: Lease) -> Refused | None:
        """The lease is done with. Returns why it had been taken back, if it had."""
        holding = self._held.pop(lease.lease)
        self._tell()
        return holding.lost

    async def abandon(self, lease: Lease) -> bool:
        """Whether the server knows now. If not, the deadline gives the unit back."""
        try:
            await asyncio.wait_for(self._client.abandon(lease.lease), GOODBYE_S)
        except (ServerError, TimeoutError):
            return False
        return True

    async def give_back(self, lease: Lease, error: DvaError | None) -> None:
        """The unit stays undone because of `error`; None: the person stopped it."""
        gone = error is not None and error.code in LEASE_GONE
        abandoned = not gone and await self.abandon(lease)
        self._narrator.tell(
            UnitDropped(
                unit=lease.unit,
                lease=lease.lease,
                abandoned=abandoned,
                code=error.code if error else "stopped",
                message=str(error) if error else "The agent was stopped.",
                next_step=error.next_step if error else "",
            )
        )

    def cancel_all(self, *, submitting: bool) -> None:
        """Stop all work; each task gives its lease back. `submitting`: also results on the way,
        which may have been stored already."""
        for holding in self._held.values():
            if submitting or not holding.submitting:
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
            if not holding.submitting:
                holding.lost = error
                holding.task.cancel()
        except (ServerError, MessageError) as error:
            self._narrator.retrying(error, CHECK_S)
        else:
            self._narrator.answered()
            holding.renew_at = self._clock.now() + answer.expires_in_s * RENEW_AFTER

    def _tell(self) -> None:
        self._narrator.tell(Held(leases=list(self._held)))
