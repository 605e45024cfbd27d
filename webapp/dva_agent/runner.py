"""The pipeline across units: fetch n+2 | pixels n+1 | encode n | submit n-1, bounded.

A journey (journey.py) is one unit's way and only knows itself. The runner claims as many leases as
it needs to keep the engine busy, keeps them alive, and decides what a journey's end means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from dva_agent.agents.base import DataAgent
from dva_agent.arrival import Arrival
from dva_agent.backoff import Backoff
from dva_agent.client import ServerClient
from dva_agent.clock import Clock
from dva_agent.errors import (
    AgentMissing,
    DvaError,
    LicenceWaits,
    MessageError,
    Outdated,
    Refused,
    RungUnavailable,
)
from dva_agent.events import Waiting
from dva_agent.gate import Gate
from dva_agent.holdings import GOODBYE_S, Holdings
from dva_agent.journey import Road, travel
from dva_agent.ladder import Ladder
from dva_agent.narrator import Narrator
from dva_agent.pace import Pace
from dva_agent.protocol import MAX_LEASES, Accepted, Idle, Lease, LeaseRequest
from dva_agent.waiting import change, unless

UNITS_AT_ONCE = 3
"""Whose bytes are here: one being encoded, one prepared, one on its way."""

IN_FLIGHT = UNITS_AT_ONCE + 1
"""Leases held: one more, being submitted."""

MAX_FAILURES = 8
"""Units in a row that came to nothing; then the run ends with the last one's error."""

PAUSE_KEEPS_S = 600.0
"""How long a pause may hold units that others could do."""

UNEXPLAINED = Idle(reason="all_leased", retry_after_s=10.0)
"""No leases and no reason: what a server that breaks the protocol is taken to mean."""

Ending = Literal["drained", "stopped", "enough"]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to. enough: the units asked for are done."""

    units: int
    pairs: int
    pairs_scored: int
    ending: Ending


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a run is for. `pool` None: any. `units` None: no limit. `until_drained`: end when every
    unit of the pool is finished, or none is for an agent that is here, instead of waiting for
    more."""

    pool: str | None = None
    units: int | None = None
    until_drained: bool = False


class Runner:
    """One run. Its other methods may be called at any time from the event loop."""

    def __init__(
        self,
        *,
        client: ServerClient,
        agents: Mapping[str, DataAgent],
        ladder: Ladder,
        arrival: Arrival,
        narrator: Narrator,
        clock: Clock,
        gate: Gate,
        errand: Errand,
    ) -> None:
        """`gate`: the ladder's, too. A pause closes it."""
        self._client = client
        self._ladder = ladder
        self._arrival = arrival
        self._narrator = narrator
        self._clock = clock
        self._errand = errand
        self._gate = gate
        self._pace = Pace(clock)
        self._road = Road(
            client=client,
            agents=agents,
            ladder=ladder,
            narrator=narrator,
            clock=clock,
            gate=gate,
            pace=self._pace,
            slots=asyncio.Semaphore(UNITS_AT_ONCE),
        )
        self._held = Holdings(client=client, clock=clock, narrator=narrator)
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._lapse: asyncio.Future[None] | None = None
        self._coming = 0
        self._drained = False
        self._ask_again_at = 0.0
        self._resting = ""
        self._failures = 0
        self._proven = 0
        self._fatal: BaseException | None = None
        self._units = self._pairs = self._pairs_scored = 0

    def pause(self) -> None:
        """Stop between two batches. Leases are kept alive for PAUSE_KEEPS_S, then given back."""
        self._gate.close()
        if self._lapse is None:
            self._lapse = asyncio.ensure_future(self._lapse_later())
        self._narrator.pause()

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._reopen()
        self._narrator.resume()
        self._changed.set()

    def pace(self, share: float) -> None:
        """Compute `share` of the time, in (0, 1], from now on."""
        self._pace.set(share)

    def stop(self, *, finish: bool) -> None:
        """Take no new work; finish and submit what is held, or drop it and give it back."""
        self._narrator.state("stopping")
        if finish:
            self._reopen()
        else:
            self._held.cancel_all(submitting=False)
            give_up = partial(self._held.cancel_all, submitting=True)
            asyncio.get_running_loop().call_later(GOODBYE_S, give_up)
        self._end()

    async def run(self) -> Summary:
        """Until the errand is done or `stop`. Raises Outdated, RungUnavailable, BundleError,
        AgentMissing, or the error of the last of MAX_FAILURES units; leases have been given back
        then."""
        heart = asyncio.ensure_future(self._held.keep_alive())
        self._narrator.state("starting")
        try:
            await unless(self._ended, self._arrival.arrive())
            ending = await self._work()
            if not self._fatal:
                await self._held.settle()
        finally:
            heart.cancel()
            if self._lapse:
                self._lapse.cancel()
            self._held.cancel_all(submitting=True)
            await self._held.settle()
            await self._ladder.close()
        if self._fatal:
            raise self._fatal
        self._narrator.state("drained" if ending == "drained" else "stopped")
        return Summary(
            units=self._units, pairs=self._pairs, pairs_scored=self._pairs_scored, ending=ending
        )

    async def _work(self) -> Ending:
        while not self._ended.is_set():
            if self._errand.units is not None and self._units >= self._errand.units:
                return "enough"
            wait = self._ask_again_at - self._clock.now()
            if self._drained and not self._held and self._errand.until_drained:
                return "drained"
            if not self._gate.is_open or self._room() <= 0:
                await change(self._changed)
            elif wait > 0:
                if self._resting and not self._held:
                    self._narrator.state("waiting")
                    self._narrator.tell(Waiting(reason=self._resting, seconds=wait))
                    self._resting = ""
                await change(self._changed, self._clock.sleep(wait))
            else:
                await self._claim(self._room())
        return "stopped"

    def _room(self, *, finishing: int = 0) -> int:
        """How many more leases to take, when `finishing` of those held are as good as done."""
        held = len(self._held) - finishing + self._coming
        room = min(IN_FLIGHT, MAX_LEASES) - held
        if self._errand.units is not None:
            room = min(room, self._errand.units - self._units - finishing - held)
        return max(0, room)

    async def _claim(self, count: int) -> None:
        agents = sorted(self._road.agents)
        request = LeaseRequest(agents=agents, count=count, pool=self._errand.pool)
        try:
            leases = await unless(self._ended, self._client.lease(request))
        except Refused as error:
            if error.status != 401:
                raise
            await unless(self._ended, self._arrival.sign_in())
        else:
            if leases:
                self._admit(leases.leases)
                self._drained = False
                idle = leases.idle or UNEXPLAINED
                if leases.leases:
                    self._proven = 0
                elif idle.reason == "selftest_due":
                    await self._prove(idle)
                else:
                    self._drained = idle.reason == "drained"
                    if self._errand.until_drained:
                        _require_hope(idle, agents)
                    self._rest(max(1.0, idle.retry_after_s), idle.reason)

    async def _prove(self, idle: Idle) -> None:
        """There is work, once a self-test has shown that this device can do it. Asking is repeated
        at once the first time; a server that still wants a test then is asked later."""
        try:
            if idle.bundle is None or idle.bundle_url is None:
                raise MessageError("The server wants a self-test, and doesn't say of what.")
            url = self._client.absolute(idle.bundle_url)
            await unless(self._ended, self._ladder.prove(idle.bundle, url))
        except DvaError as error:
            self._failed(error)
        else:
            if self._proven:
                self._rest(max(1.0, idle.retry_after_s), idle.reason)
            self._proven += 1

    def _admit(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            if lease.lease not in self._held:
                # What was asked for before the end and granted after it goes back at once.
                work = self._decline if self._ended.is_set() else self._journey
                self._held.take(lease, work(lease)).add_done_callback(self._ended_badly)

    def _rest(self, seconds: float, reason: str) -> None:
        """Ask for no work for a while, and not at the same moment as everybody else."""
        seconds *= 1.0 + 0.25 * self._clock.chance()
        self._ask_again_at = self._clock.now() + seconds
        self._resting = reason

    async def _journey(self, lease: Lease) -> None:
        asked = 0

        def more() -> int:
            nonlocal asked
            self._held.submits(lease)
            if self._gate.is_open and not self._ended.is_set():
                asked = self._room(finishing=1)
                self._coming += asked
            return asked

        error: DvaError | None = None
        accepted: Accepted | None = None
        try:
            accepted = await travel(self._road, lease, more)
        except asyncio.CancelledError:
            pass
        except DvaError as failure:
            error = failure
        finally:
            self._coming -= asked
            lost = self._held.drop(lease)
            self._changed.set()
        if accepted:
            self._failures = 0
            self._units += 1
            self._pairs += len(lease.pairs)
            self._pairs_scored += accepted.pairs_scored
            if accepted.next:
                # Why there are no more is said of this unit's pool only: the next claim asks.
                self._admit(accepted.next.leases)
            if not self._held:
                # "All leased" may have meant this agent's own leases: ask once more.
                self._ask_again_at = 0.0
        else:
            self._failed(error)
            await self._held.give_back(lease, error or lost)

    async def _decline(self, lease: Lease) -> None:
        self._held.drop(lease)
        await self._held.abandon(lease)

    def _failed(self, error: DvaError | None) -> None:
        """A unit came to nothing; without an error it was dropped on purpose."""
        self._drained = False
        if error is None:
            return
        self._failures += 1
        if isinstance(error, Outdated | RungUnavailable) or self._failures >= MAX_FAILURES:
            self._fatal = error
            self._end()
        else:
            delay = Backoff().delay(self._failures - 1, chance=self._clock.chance())
            self._rest(delay, error.code)

    def _ended_badly(self, task: asyncio.Task[None]) -> None:
        """A journey's bug ends the run: it must be seen."""
        if not task.cancelled() and task.exception():
            self._fatal = task.exception()
            self._end()

    def _reopen(self) -> None:
        self._gate.open()
        if self._lapse:
            self._lapse.cancel()
            self._lapse = None

    def _end(self) -> None:
        self._ended.set()
        self._changed.set()

    async def _lapse_later(self) -> None:
        await self._clock.sleep(PAUSE_KEEPS_S)
        self._held.cancel_all(submitting=False)


def _require_hope(idle: Idle, agents: Sequence[str]) -> None:
    """For a run that ends by itself: raises AgentMissing or LicenceWaits if there is no work until
    somebody does something."""
    if idle.reason == "no_agent":
        raise AgentMissing(f"The server's work is for agents other than {', '.join(agents)}.")
    if idle.reason == "licence_unaccepted":
        raise LicenceWaits("Whoever runs the server hasn't accepted the model's licence yet.")
