"""One unit's way: bytes, scores, result. What goes wrong on it ends it, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from dva_agent import packed, statements
from dva_agent.agents.base import DataAgent, Outcome, PairOutcome, Unit
from dva_agent.backoff import Backoff
from dva_agent.client import ServerClient
from dva_agent.clock import Clock
from dva_agent.engine import Blob
from dva_agent.errors import EngineError, MessageError, NumericFault, Refused
from dva_agent.events import Batch, Seen, UnitFinished, UnitStarted
from dva_agent.gate import Gate
from dva_agent.ladder import Ladder, Session
from dva_agent.narrator import Narrator
from dva_agent.pace import Pace
from dva_agent.protocol import HERE, Accepted, Lease, PairStatus, Result, pack_scores
from dva_agent.retry import again

TRIES = 3
"""Of one unit, on engines that were condemned meanwhile."""

FETCHES = 5
"""Tries to get a unit's bytes before it is given back."""

MAX_UNIT_BYTES = 512 << 20
"""Three of them are in memory at once."""


@dataclass(frozen=True, kw_only=True)
class Road:
    """What every journey shares. `slots` bounds the units whose bytes are here at once."""

    client: ServerClient
    agents: Mapping[str, DataAgent]
    ladder: Ladder
    narrator: Narrator
    clock: Clock
    gate: Gate
    pace: Pace
    slots: asyncio.Semaphore


async def travel(road: Road, lease: Lease, more: Callable[[], int]) -> Accepted:
    """Score one leased unit and submit it. `more`: how many new leases the answer may bring,
    asked when the result is sent. Raises DvaError; giving the lease back is the caller's part."""
    check_lease(lease, road.agents)
    url = road.client.absolute(lease.bundle_url)
    needs = road.agents[lease.agent].needs
    for _ in range(TRIES):
        async with road.ladder.session(lease.bundle, url, model="model" in needs) as session:
            try:
                outcome, seconds = await _score(road, lease, session)
                if not session.condemned:
                    await road.ladder.scored(session, len(lease.pairs))
            except EngineError as error:
                await road.ladder.doubt(session, error)
                if not session.condemned:
                    raise
            if session.condemned:
                continue
            accepted = await _submit(road, lease, session, outcome, more)
            road.narrator.tell(
                UnitFinished(
                    unit=lease.unit,
                    lease=lease.lease,
                    pool=lease.pool,
                    pairs=len(lease.pairs),
                    pairs_scored=accepted.pairs_scored,
                    bytes=packed.size_of(lease),
                    seconds=seconds,
                )
            )
            return accepted
    raise EngineError(f"The engine failed {TRIES} times on this unit.")


def check_lease(lease: Lease, agents: Collection[str]) -> None:
    """What a lease must be to be worked on: for an agent that is here, of a size that fits, its
    pairs inside its span, nothing told of what is withheld. Raises MessageError."""
    if lease.agent not in agents:
        raise MessageError(
            f"The lease asks for an agent called {lease.agent}.", code="agent_unknown"
        )
    if lease.span.size > MAX_UNIT_BYTES:
        raise MessageError(f"The unit has {lease.span.size:,} bytes.", code="unit_too_large")
    end = lease.span.start + lease.span.size
    for pair in lease.pairs:
        for span in (pair.image, pair.caption):
            if span and not lease.span.start <= span.start <= span.start + span.size <= end:
                raise MessageError(f"Pair {pair.uid} lies outside of its unit.")
            if span and pair.withheld:
                raise MessageError(f"Pair {pair.uid} is withheld, and yet the lease has it.")


async def _score(road: Road, lease: Lease, session: Session) -> tuple[Outcome, float]:
    """The outcome, and the seconds it took without waiting for a slot."""
    engine = session.engine
    async with road.slots:
        await road.gate.passed()
        started = road.clock.now()
        road.narrator.tell(
            UnitStarted(
                unit=lease.unit,
                lease=lease.lease,
                pool=lease.pool,
                pairs=len(lease.pairs),
                bytes=packed.size_of(lease),
            )
        )
        span = lease.span if lease.captions_url is None else None
        addresses = _addresses(lease)
        blob = await again(
            lambda: engine.fetch(road.client.absolute(next(addresses)), span),
            clock=road.clock,
            backoff=Backoff(),
            retrying=road.narrator.retrying,
            answered=road.narrator.answered,
            attempts=FETCHES,
        )
        try:
            here = lease if span else await packed.unpacked(lease, engine, blob)
            turn = road.pace.watched(session.turn)
            unit = Unit(lease=here, blob=blob, model=session.model, turn=turn)
            watch = _Watch(road=road, lease=lease, blob=blob)
            outcome = withhold(lease, await road.agents[lease.agent].run(unit, engine, watch))
        finally:
            engine.release(blob)
        return outcome, road.clock.now() - started - watch.paused


def _addresses(lease: Lease) -> Iterator[str]:
    """Where to try for the unit's bytes, one time after the other: where the server sends us, if it
    does, then the server itself, which needs no other site to be well."""
    if lease.captions_url is not None:
        yield from repeat(lease.captions_url)
    yield lease.shard_url
    yield from repeat(f"{lease.shard_url}?{HERE}")


def withhold(lease: Lease, outcome: Outcome) -> Outcome:
    """`outcome` with the status of what is withheld. No agent has to know of it: to an agent such
    a pair has neither image nor caption."""
    withheld = PairOutcome(status=PairStatus.WITHHELD)
    return Outcome(
        pairs=[
            withheld if pair.withheld else found
            for pair, found in zip(lease.pairs, outcome.pairs, strict=True)
        ]
    )


class _Watch:
    """Passes seen pairs on, and is where a pause or a rest happens."""

    def __init__(self, *, road: Road, lease: Lease, blob: Blob) -> None:
        self._road = road
        self._lease = lease
        self._blob = blob
        self.paused = 0.0

    async def __call__(self, pairs: Sequence[Seen]) -> None:
        road, lease = self._road, self._lease
        if road.gate.is_open:  # else this batch ran out into a pause, which is what to tell
            road.narrator.state("running")
        told = [_hidden(seen) if lease.pairs[seen.index].withheld else seen for seen in pairs]
        batch = Batch(
            unit=lease.unit,
            pool=lease.pool,
            bundle=lease.bundle,
            agent=lease.agent,
            columns=road.agents[lease.agent].columns,
            pairs=told,
        )
        road.narrator.observer.seen(batch, self._blob)
        self.paused += await road.pace.rest()
        if not road.gate.is_open:
            before = road.clock.now()
            await road.gate.passed()
            self.paused += road.clock.now() - before


def _hidden(seen: Seen) -> Seen:
    """Only that it is withheld."""
    return Seen(
        index=seen.index,
        uid=seen.uid,
        caption="",
        ids=[],
        status=int(PairStatus.WITHHELD),
        score=None,
        values=[],
        image=None,
    )


async def _submit(
    road: Road, lease: Lease, session: Session, outcome: Outcome, more: Callable[[], int]
) -> Accepted:
    columns = road.agents[lease.agent].columns
    nothing = (0.0,) * len(columns)
    statuses = bytes(pair.status for pair in outcome.pairs)
    scores = pack_scores([value for pair in outcome.pairs for value in pair.values or nothing])
    statement = statements.of_result(
        lease=lease.lease,
        unit=lease.unit,
        bundle=lease.bundle,
        rung=session.engine.rung,
        statuses=statuses,
        scores=scores,
    )
    signature = await road.client.sign(statement)
    result = Result(
        lease=lease.lease,
        bundle=lease.bundle,
        rung=session.engine.rung,
        device_class=session.engine.device_class,
        statuses=statuses,
        scores=scores,
        signature=signature,
        more=more(),
    )
    try:
        return await road.client.submit(lease, result, columns)
    except (MessageError, Refused) as error:
        # The result itself was wrong: what computed it must show that it still can.
        of_scores = isinstance(error, MessageError) or error.status == 422
        of_scores = of_scores or error.code == "rung_untested"
        if of_scores and error.code != "signature_invalid":
            await road.ladder.doubt(session, NumericFault(str(error), code=error.code))
        raise
