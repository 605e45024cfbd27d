"""GET /status, POST /leases, heartbeat, abandon."""

from __future__ import annotations

from datetime import datetime

from dva_agent.protocol import PROTOCOL, Heartbeat, LeaseRequest, ServerStatus
from flask import Blueprint, Response, current_app

from server.config import VERSION
from server.db import now
from server.history import services as history
from server.pools import bucket
from server.pools import services as pools
from server.pools.views import buckets
from server.refusals import NotFound
from server.reports import services as reports
from server.web import answer, database, device, message, network, settings, worker
from server.work import services
from server.work.board import Board
from server.work.gate import Counter, Gate

blueprint = Blueprint("work", __name__)


@blueprint.get("/status")
def status() -> Response:
    """Open to everybody, and reads only: leases past their deadline aren't counted, though they
    are expired by the next claim."""
    found = pools.with_licences(settings(), board().read(database(), now()))
    found = bucket.with_hosts(found, buckets().origins())
    return answer(ServerStatus(service="dva", version=VERSION, protocol=PROTOCOL, pools=found))


def board() -> Board:
    """This app's."""
    found = current_app.extensions["dva-board"]
    assert isinstance(found, Board)
    return found


def gate() -> Gate:
    """This app's."""
    found: Gate = current_app.extensions["dva-gate"]
    return found


def counter() -> Counter:
    """This app's."""
    found: Counter = current_app.extensions["dva-counter"]
    return found


@blueprint.post("/leases")
def claim() -> Response:
    request = message(LeaseRequest)
    at = now()
    with database().write() as session:
        who = worker(session)
        ids = pools.pool_ids(session, request.agents, request.pool)
        if request.pool is not None and pools.find_pool(session, request.pool) is None:
            raise NotFound(f"There is no pool {request.pool}.")
        claimed, idle = services.claim(
            session,
            settings(),
            device=who,
            pool_ids=ids,
            count=request.count,
            at=at,
            request=request.request,
            network=network(),
            gate=gate(),
        )
        hidden = services.withheld(session, claimed)
    if not claimed:
        counter()(at)
    count_leases(claimed, at)
    return answer(services.leases_message(settings(), claimed, idle, hidden, at))


def count_leases(claimed: services.Claimed, at: datetime) -> None:
    """Those that were granted now, not those that an answer was repeated with. Where captions are
    fetched without their pictures, their bytes are counted when they are sent."""
    for lease, unit in claimed:
        if lease.claimed_at == at:
            size = unit.span_size if pools.captions_url(unit) is None else 0
            history.tally().handed_out(unit.pool_id, leases=1, size=size, at=at)


@blueprint.get("/pools/<pool>/units/<unit>/captions")
def captions(pool: str, unit: str) -> Response:
    """Open to everybody, as shards are; but what is withheld isn't in it, so it's never kept."""
    with database().read() as session:
        found = pools.find_unit(session, pool, unit)
        hidden = reports.withheld(session, [found.id]) if found else {}
    if found is None:
        raise NotFound("No pool here has this unit.")
    pairs = reports.hide(pools.unit_pairs(settings(), found), hidden.get(found.id, reports.NOWHERE))
    body = pools.read_captions(found, pairs)
    history.tally().handed_out(found.pool_id, leases=0, size=len(body), at=now())
    response = Response(body, mimetype="application/octet-stream")
    response.cache_control.no_store = True
    return response


@blueprint.post("/leases/<lease>/heartbeat")
def heartbeat(lease: str) -> Response:
    at = now()
    with database().write() as session:
        own = services.own(session, worker(session), lease, at)
        services.keep_alive(settings(), own, at)
    return answer(Heartbeat(expires_in_s=(own.deadline - at).total_seconds()))


@blueprint.post("/leases/<lease>/abandon")
def abandon(lease: str) -> Response:
    with database().write() as session:
        services.abandon(session, services.own(session, device(session), lease, now()))
    return Response(status=204)
