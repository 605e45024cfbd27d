"""Accepting results: all of it or nothing, once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from dva_agent import protocol
from dva_agent.errors import MessageError
from dva_agent.protocol import PairStatus
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.contributors.services import clean
from server.errors import AgentUnknown, BundleMismatch, ResultConflict, ResultInvalid
from server.pools import services as pools
from server.pools.services import Shard, Unit
from server.reports import services as reports
from server.results.models import Result
from server.work import services as work
from server.work.services import Lease

__all__ = ["Result", "accept", "results_of"]


def accept(session: Session, lease: Lease, posted: protocol.Result, at: datetime) -> Result:
    """Stores a result and ends its lease. A repetition gets the stored one back. Raises
    ResultConflict, LeaseEnded, AgentUnknown, BundleMismatch, ResultInvalid; then nothing has
    changed."""
    digest = _digest(posted)
    stored = session.scalar(select(Result).where(Result.lease_id == lease.id))
    if stored is not None:
        if stored.digest != digest:
            raise ResultConflict("Another result is stored under this lease.")
        return stored
    work.require_held(lease, at)
    unit = pools.get_unit(session, lease.unit_id)
    agent = pools.agent_of(unit.shard.pool)
    if agent is None:
        raise AgentUnknown(f"This server lacks the agent {unit.shard.pool.agent}.")
    wanted = unit.shard.pool.bundle
    if posted.bundle != wanted:
        raise BundleMismatch(f"The pool is scored by bundle {wanted}, not by {posted.bundle}.")
    try:
        protocol.check_result(posted, unit.pairs, agent.columns)
    except MessageError as error:
        raise ResultInvalid(str(error), code=_code(error)) from error
    kept = reports.censor(session, unit.id, posted)
    work.finish(session, lease)
    result = Result(
        unit_id=unit.id,
        lease_id=lease.id,
        device_id=lease.device_id,
        bundle=posted.bundle,
        rung=posted.rung,
        device_class=clean(posted.device_class),
        scores=kept.scores,
        statuses=kept.statuses,
        pairs_scored=kept.statuses.count(PairStatus.SCORED),
        digest=digest,
        scored_at=at,
    )
    session.add(result)
    session.flush()
    return result


def results_of(session: Session, shard: Shard) -> Sequence[tuple[Unit, Result]]:
    """The stored results of a shard in the order of its units."""
    rows = session.execute(
        select(Unit, Result)
        .join(Result, Result.unit_id == Unit.id)
        .where(Unit.shard_id == shard.id)
        .order_by(Unit.number)
    )
    return [(unit, result) for unit, result in rows]


def _digest(posted: protocol.Result) -> str:
    """Of what is stored. `more` is about the answer, and may differ in a repetition."""
    return hashlib.sha256(protocol.encode(msgspec.structs.replace(posted, more=0))).hexdigest()


def _code(error: MessageError) -> str:
    """A scores blob that is no whole number of floats has, above all, the wrong count."""
    return ResultInvalid.default_code if error.code == MessageError.default_code else error.code
