"""POST /reports."""

from __future__ import annotations

from dva_agent import protocol
from flask import Blueprint, Response

from server.db import now
from server.pools import services as pools
from server.refusals import PairUnknown
from server.reports import services
from server.web import answer, database, device, message, settings

blueprint = Blueprint("reports", __name__)


@blueprint.post("/reports")
def report() -> Response:
    posted = message(protocol.Report)
    with database().read() as session:
        device(session)
        unit = pools.find_unit(session, posted.pool, posted.unit)
    # Outside of any transaction, for it reads an index file.
    uids = [pair.uid for pair in pools.unit_pairs(settings(), unit)] if unit else []
    if unit is None or posted.uid not in uids:
        raise PairUnknown(f"No pool here has this pair in a unit {posted.unit}.")
    with database().write() as session:
        reported = services.report(
            session,
            posted,
            device=device(session),
            unit=unit.id,
            position=uids.index(posted.uid),
            per_day=settings().reports_per_day,
            at=now(),
        )
    return answer(reported)
