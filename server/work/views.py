"""POST /leases, heartbeat, abandon."""

from __future__ import annotations

from datetime import datetime

from dva_agent.protocol import Heartbeat, Idle, LeaseRequest, Leases, Span
from dva_agent.protocol import Lease as LeaseMessage
from flask import Blueprint, Response

from server.config import Settings
from server.db import now
from server.errors import NotFound
from server.pools import services as pools
from server.web import answer, database, device, message, settings
from server.work import services

blueprint = Blueprint("work", __name__)


@blueprint.post("/leases")
def claim() -> Response:
    request = message(LeaseRequest)
    at = now()
    with database().write() as session:
        who = device(session)
        ids = pools.pool_ids(session, request.agents, request.pool)
        if request.pool is not None and pools.find_pool(session, request.pool) is None:
            raise NotFound(f"There is no pool {request.pool}.")
        claimed, idle = services.claim(
            session, settings(), device=who, pool_ids=ids, count=request.count, at=at
        )
    return answer(leases(settings(), claimed, idle, at))


@blueprint.post("/leases/<lease>/heartbeat")
def heartbeat(lease: str) -> Response:
    at = now()
    with database().write() as session:
        own = services.own(session, device(session), lease)
        services.keep_alive(settings(), own, at)
    return answer(Heartbeat(expires_in_s=(own.deadline - at).total_seconds()))


@blueprint.post("/leases/<lease>/abandon")
def abandon(lease: str) -> Response:
    with database().write() as session:
        services.abandon(session, services.own(session, device(session), lease))
    return Response(status=204)


def leases(config: Settings, claimed: services.Claimed, idle: Idle | None, at: datetime) -> Leases:
    """The message. Called after the transaction, for it reads the index files."""
    return Leases(
        leases=[
            LeaseMessage(
                lease=lease.id,
                unit=unit.name,
                pool=unit.shard.pool.name,
                agent=unit.shard.pool.agent,
                bundle=unit.shard.pool.bundle,
                bundle_url=pools.bundle_url(unit.shard.pool.bundle),
                shard_url=pools.shard_url(unit.shard),
                span=Span(start=unit.span_start, size=unit.span_size),
                pairs=pools.unit_pairs(config, unit),
                expires_in_s=max((lease.deadline - at).total_seconds(), 0.0),
            )
            for lease, unit in claimed
        ],
        idle=idle,
    )
