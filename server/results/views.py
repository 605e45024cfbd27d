"""POST /leases/{lease}/result."""

from __future__ import annotations

from dva_agent import protocol
from dva_agent.protocol import Accepted
from flask import Blueprint, Response

from server.contributors import services as contributors
from server.db import now
from server.history import services as history
from server.pools import services as pools
from server.results import services
from server.web import answer, database, message, network, settings, worker
from server.work import services as work
from server.work.views import count_leases, counter, gate

blueprint = Blueprint("results", __name__)


@blueprint.post("/leases/<lease>/result")
def accept(lease: str) -> Response:
    """The result and the leases it brings are one transaction. A client that repeats the request
    because the answer was lost gets the leases that went with it, not further ones."""
    posted = message(protocol.Result)
    at = now()
    claimed: work.Claimed | None = None
    idle = None
    with database().write() as session:
        who = worker(session)
        if posted.more:
            contributors.lock_contributor(session, who)
        own = work.own(session, who, lease, at)
        is_new = not work.is_done(own)
        result = services.accept(session, own, posted, at)
        unit = pools.get_unit(session, own.unit_id)
        if posted.more:
            claimed = work.brought(session, lease, at)
            if claimed is None:
                claimed, idle = work.claim(
                    session,
                    settings(),
                    device=who,
                    pool_ids=[unit.pool_id],
                    count=posted.more,
                    at=at,
                    brought_by=lease,
                    network=network(),
                    gate=gate(),
                )
        hidden = work.withheld(session, claimed or [])
    if is_new:
        pairs, again = len(posted.statuses), bool(result.copy)
        history.tally().came(unit.pool_id, pairs=pairs, again=again, at=at)
    count_leases(claimed or [], at)
    if unit.shard.pool.policy == pools.REPLICATION:
        counter()(at)
    brought = None
    if claimed is not None:
        brought = work.leases_message(settings(), claimed, idle, hidden, at)
    return answer(Accepted(unit=unit.name, pairs_scored=result.pairs_scored, next=brought))
