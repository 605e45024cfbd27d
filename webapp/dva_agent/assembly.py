"""The parts of an agent put together, the same way in the tab and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from dva_agent.arrival import Arrival, Visitor
from dva_agent.client import ServerClient, Transport
from dva_agent.clock import Clock
from dva_agent.discovery import AGENTS
from dva_agent.events import Observer
from dva_agent.gate import Gate
from dva_agent.identity import Identity
from dva_agent.ladder import Ladder, OpenEngine
from dva_agent.narrator import Narrator
from dva_agent.protocol import Rung
from dva_agent.runner import Errand, Runner
from dva_agent.vouching import Vouching


def assemble(
    *,
    server: str,
    identity: Identity,
    transport: Transport,
    rungs: Sequence[Rung],
    open_engine: OpenEngine,
    observer: Observer,
    visitor: Visitor,
    errand: Errand,
    clock: Clock,
) -> Runner:
    """A runner that is ready to `run`."""
    narrator = Narrator(observer)
    gate = Gate()
    client = ServerClient(
        transport=transport,
        server=server,
        clock=clock,
        retrying=narrator.retrying,
        answered=narrator.answered,
        identity=identity,
        signed_in=visitor.save,
    )
    vouching = Vouching(client=client, narrator=narrator, browser=visitor.browser)
    ladder = Ladder(
        rungs=rungs,
        open_engine=open_engine,
        fetch_manifest=client.manifest,
        narrator=narrator,
        clock=clock,
        gate=gate,
        vouching=vouching,
    )
    arrival = Arrival(
        client=client,
        ladder=ladder,
        agents=AGENTS,
        pool=errand.pool,
        visitor=visitor,
        vouching=vouching,
    )
    return Runner(
        client=client,
        agents=AGENTS,
        ladder=ladder,
        arrival=arrival,
        narrator=narrator,
        clock=clock,
        gate=gate,
        errand=errand,
    )
