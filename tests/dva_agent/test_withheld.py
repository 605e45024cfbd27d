"""What somebody reported is neither decoded nor shown, whichever agent works on its unit."""

from __future__ import annotations

import asyncio
import sqlite3

import msgspec
import pytest
from dva_agent.agents.base import Outcome, PairOutcome
from dva_agent.client import ServerClient
from dva_agent.clock import SystemClock
from dva_agent.errors import MessageError, Refused
from dva_agent.events import Batch, Seen
from dva_agent.journey import check_lease, withhold
from dva_agent.protocol import (
    Lease,
    PairRef,
    PairStatus,
    Report,
    Reported,
    Span,
)

from tests.dva_agent.runs import run
from tests.dva_agent.world import PAIRS, World
from tests.server.api import Api


def report_one(here: World, index: int) -> tuple[str, Reported]:
    """As another device: takes a unit, reports one pair of it, gives the unit back."""

    api = Api(here.app)
    [lease] = api.lease().leases

    async def go() -> tuple[str, Reported]:
        client = ServerClient(
            transport=here.wire,
            server="http://localhost",
            clock=SystemClock(),
            retrying=lambda error, seconds: None,
            identity=api.keys.identity,
        )
        await client.register(platform="browser", device_class="test")
        pair = lease.pairs[index].uid
        report = Report(pool=lease.pool, unit=lease.unit, uid=pair, reason="other")
        told = await client.report(report)
        with pytest.raises(Refused) as caught:
            await client.report(msgspec.structs.replace(report, uid="nothing"))
        assert caught.value.code == "pair_unknown"
        await client.abandon(lease.lease)
        return pair, told

    return asyncio.run(go())


def test_a_run_never_sees_it(here: World) -> None:
    uid, told = report_one(here, 1)
    assert told.state == "withheld"
    run(here)
    seen = [pair for batch in here.of(Batch) for pair in batch.pairs]
    assert len(seen) == PAIRS
    [hidden] = [pair for pair in seen if pair.uid == uid]
    assert hidden == Seen(
        index=1,
        uid=uid,
        caption="",
        ids=[],
        status=PairStatus.WITHHELD,
        score=None,
        values=[],
        image=None,
    )
    assert [pair.uid for pair in seen if pair.status == PairStatus.WITHHELD] == [uid]
    with sqlite3.connect(here.data / "dva.db") as database:
        rows = database.execute("SELECT statuses FROM result ORDER BY unit_id").fetchall()
    database.close()
    assert b"".join(statuses for (statuses,) in rows).count(PairStatus.WITHHELD) == 1
    assert rows[0][0][1] == PairStatus.WITHHELD


def lease_of(*pairs: PairRef) -> Lease:
    return Lease(
        lease="l",
        unit="u1-0",
        pool="p",
        agent="dva",
        bundle="0" * 32,
        bundle_url="/b/",
        shard_url="/s.tar",
        span=Span(start=0, size=100),
        pairs=list(pairs),
        expires_in_s=60,
    )


def test_a_lease_that_tells_where_it_lies_is_refused() -> None:
    inside = Span(start=0, size=10)
    check_lease(lease_of(PairRef(uid="a", withheld=True)), {"dva"})
    for pair in (
        PairRef(uid="a", image=inside, withheld=True),
        PairRef(uid="a", caption=inside, withheld=True),
    ):
        with pytest.raises(MessageError, match="withheld"):
            check_lease(lease_of(pair), {"dva"})


def test_whatever_an_agent_makes_of_it_it_is_withheld() -> None:
    lease = lease_of(PairRef(uid="a"), PairRef(uid="b", withheld=True))
    missing = PairOutcome(status=PairStatus.IMAGE_MISSING)
    made = withhold(lease, Outcome(pairs=[missing, missing]))
    assert made.pairs == [missing, PairOutcome(status=PairStatus.WITHHELD)]
