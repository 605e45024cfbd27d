"""Accepting results: all of it or nothing, once. What becomes of them afterwards is trust's to
decide (server/trust)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from dva_agent import protocol, statements
from dva_agent.checking import check_result
from dva_agent.errors import MessageError
from dva_agent.protocol import PairStatus
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session, defer

from server.contributors import services as contributors
from server.contributors.services import clean
from server.db import add_counts, insert_now, update_now
from server.pools import services as pools
from server.pools.services import WITH_POOL, Pool, Shard, Unit
from server.refusals import (
    AgentUnknown,
    BundleMismatch,
    LeaseMismatch,
    ResultConflict,
    ResultInvalid,
)
from server.reports import services as reports
from server.results.models import (
    CONFIRMED,
    PENDING,
    PENDING_ONLY,
    REJECTED,
    REVOKED,
    UNDRAWN,
    BrokenPairs,
    Result,
)
from server.work import readiness
from server.work import services as work
from server.work.services import Lease

__all__ = ["CONFIRMED", "PENDING", "Result", "accept"]
AUDITED = Result.policy == pools.AUDIT


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is stored of a result: its number, which of the unit's it is, how many pairs have
    scores."""

    id: int
    copy: int
    pairs_scored: int


def accept(session: Session, lease: Lease, posted: protocol.Result, at: datetime) -> Stored:
    """Stores a result and ends its lease. A repetition finds the stored one. Raises
    LeaseMismatch, ResultConflict, LeaseEnded, AgentUnknown, BundleMismatch, RungUntested,
    ResultInvalid, SignatureInvalid; then nothing has changed."""
    if posted.lease != lease.id:
        raise LeaseMismatch(f"This result was made for the lease {posted.lease}.")
    digest = _digest(posted)
    # Only a lease that is done has a result.
    if work.is_done(lease):
        stored = session.scalars(select(Result).where(Result.lease_id == lease.id)).one()
        if stored.digest != digest:
            raise ResultConflict("Another result is stored under this lease.")
        return Stored(id=stored.id, copy=stored.copy, pairs_scored=stored.pairs_scored)
    work.require_held(lease, at)
    unit = pools.get_unit(session, lease.unit_id)
    agent = pools.agent_of(unit.shard.pool)
    if agent is None:
        raise AgentUnknown(f"This server lacks the agent {unit.shard.pool.agent}.")
    wanted, policy = unit.shard.pool.bundle, unit.shard.pool.policy
    if posted.bundle != wanted:
        raise BundleMismatch(f"The pool is scored by bundle {wanted}, not by {posted.bundle}.")
    try:
        check_result(posted, unit.pairs, agent.columns)
    except MessageError as error:
        raise ResultInvalid(str(error), code=_code(error)) from error
    contributors.require_signature(
        session,
        lease.device_id,
        statements.of_result(
            lease=lease.id,
            unit=unit.name,
            bundle=posted.bundle,
            rung=posted.rung,
            statuses=posted.statuses,
            scores=posted.scores,
        ),
        posted.signature,
    )
    readiness.require_tested(session, lease.device_id, agent, posted)
    kept = reports.censor(session, unit.id, posted)
    scored = kept.statuses.count(PairStatus.SCORED)
    work.finish(session, lease, unit, at)
    number = insert_now(
        session,
        Result,
        unit_id=unit.id,
        lease_id=lease.id,
        copy=lease.copy,
        policy=policy,
        # No coin is thrown for what auditors don't decide about.
        drawn=policy != pools.AUDIT,
        device_id=lease.device_id,
        bundle=posted.bundle,
        rung=posted.rung,
        device_class=clean(posted.device_class),
        scores=kept.scores,
        statuses=kept.statuses,
        pairs_scored=scored,
        digest=digest,
        signature=posted.signature,
        scored_at=at,
    )
    if not lease.copy:
        # The shard's row is locked by now: who counts on it too comes after.
        count_broken(session, unit.shard_id, kept.statuses, 1)
    return Stored(id=number, copy=lease.copy, pairs_scored=scored)


def undrawn_devices(session: Session, limit: int) -> list[str]:
    """The devices of the `limit` oldest results whose coin hasn't been thrown."""
    oldest = select(Result.device_id).where(UNDRAWN).order_by(Result.id).limit(limit)
    return sorted(set(session.scalars(oldest)))


def undrawn(
    session: Session, devices: Collection[str], limit: int
) -> Sequence[tuple[Result, Unit]]:
    """The oldest results of these devices whose coin hasn't been thrown, without their scores."""
    rows = session.execute(
        select(Result, Unit)
        .join(Unit, Unit.id == Result.unit_id)
        .where(UNDRAWN, Result.device_id.in_(devices))
        .order_by(Result.id)
        .limit(limit)
        .options(defer(Result.scores))
    )
    return [(result, unit) for result, unit in rows]


def drained_devices(session: Session) -> list[str]:
    """Those with pending results in a pool that has nothing left to do, so that no further result
    of theirs may come to bear witness."""
    drained = (
        select(Shard.pool_id)
        .where(~Shard.set_aside)
        .group_by(Shard.pool_id)
        .having(func.sum(Shard.units) == func.sum(Shard.units_done))
    )
    rows = session.scalars(
        select(Result.device_id)
        .join(Unit, Unit.id == Result.unit_id)
        .where(PENDING_ONLY, AUDITED, Unit.pool_id.in_(drained))
        .distinct()
    )
    return sorted(rows)


_SOME_UNDRAWN = select(Result.id).where(UNDRAWN).limit(bindparam("most")).subquery()
_COUNT_UNDRAWN = select(func.count()).select_from(_SOME_UNDRAWN)


def count_undrawn(session: Session, most: int) -> int:
    """Results whose coin hasn't been thrown; counted up to `most`."""
    return session.scalars(_COUNT_UNDRAWN, {"most": most}).one()


PENDING_ONES = and_(PENDING_ONLY, AUDITED)
RESULT_ID = Result.id
"""For conditions on what other domains keep about a result."""


def counting_pending(waiting: ColumnElement[bool]) -> Select[int]:
    """A query for how many pending results of `device` haven't been drawn, or of which `waiting`
    holds; counted up to `most`."""
    some = (
        select(Result.id)
        .where(Result.device_id == bindparam("device"), PENDING_ONLY, or_(~Result.drawn, waiting))
        .limit(bindparam("most"))
        .subquery()
    )
    return select(func.count()).select_from(some)


def in_run_of(device: str | BindParameter[str]) -> ColumnElement[bool]:
    """That a result is a pending one of this device that audits decide about: a condition for other
    domains' queries."""
    return and_(Result.device_id == device, PENDING_ONLY, AUDITED)


ENDLESS = 2**31 - 1
# With each decision: made once.
_RUN = (
    select(Result, Unit)
    .join(Unit, Unit.id == Result.unit_id)
    .where(in_run_of(bindparam("device")))
    .order_by(Result.id)
    .limit(bindparam("limit"))
    .options(defer(Result.scores), WITH_POOL)
)


def run_of(
    session: Session, device: str, *, limit: int | None = None
) -> Sequence[tuple[Result, Unit]]:
    """Those results of a device, or the `limit` oldest of them, oldest first, without their
    scores."""
    # No limit: more than anybody has.
    rows = session.execute(_RUN, {"device": device, "limit": ENDLESS if limit is None else limit})
    return [(result, unit) for result, unit in rows]


# With each failure: made once.
_LATELY = (
    select(Result, Unit)
    .join(Unit, Unit.id == Result.unit_id)
    .where(
        Result.device_id == bindparam("device"),
        Result.state == CONFIRMED,
        Result.id < bindparam("before"),
        AUDITED,
    )
    .order_by(Result.id.desc())
    .limit(bindparam("limit"))
    .options(defer(Result.scores), WITH_POOL)
)


def confirmed_lately(
    session: Session, device: str, *, before: int, limit: int
) -> Sequence[tuple[Result, Unit]]:
    """The newest confirmed results of a device in audited pools, among those numbered below
    `before`."""
    rows = session.execute(_LATELY, {"device": device, "before": before, "limit": limit})
    return [(result, unit) for result, unit in rows]


def get(session: Session, result: int) -> Result:
    return session.get_one(Result, result)


_WHOLE = select(Result).where(Result.id.in_(bindparam("numbers", expanding=True)))
_BARE = _WHOLE.options(defer(Result.scores))


def get_all(
    session: Session, numbers: Collection[int], *, scores: bool = False
) -> dict[int, Result]:
    """By number. Without `scores`, those of each are read when somebody asks for them."""
    found = session.scalars(_WHOLE if scores else _BARE, {"numbers": numbers})
    return {result.id: result for result in found}


def confirm(result: Result) -> None:
    """It has passed: a pending one, inside a transaction that holds its device's lock."""
    assert result.state == PENDING
    result.state = CONFIRMED


def reject(session: Session, result: Result) -> None:
    """As `reject_all`, of one."""
    reject_all(session, [result])


def reject_all(session: Session, found: Sequence[Result]) -> None:
    """Takes living results out of the pool and gives their units out anew: what was confirmed is
    `revoked` then, what was pending `rejected`. Nothing else happens to what was taken out."""
    living = [result for result in found if result.state in (PENDING, CONFIRMED)]
    # The database must see them gone before anybody posts another one for the unit.
    for state, gone in ((PENDING, REJECTED), (CONFIRMED, REVOKED)):
        update_now(session, [result for result in living if result.state == state], state=gone)
    units = pools.redo_units(session, [result.unit_id for result in living])
    for unit, result in zip(units, living, strict=True):
        count_broken(session, unit.shard_id, result.statuses, -1)


def posted_by(
    session: Session, devices: Collection[str], *, after: int | None, limit: int
) -> Sequence[tuple[Result, Unit]]:
    """What these devices posted, newest first, without the scores; `after`: only what is older
    than this result."""
    query = (
        select(Result, Unit)
        .join(Unit, Unit.id == Result.unit_id)
        .where(Result.device_id.in_(devices))
        .order_by(Result.id.desc())
        .limit(limit)
        .options(defer(Result.scores), WITH_POOL)
    )
    if after is not None:
        query = query.where(Result.id < after)
    return [(result, unit) for result, unit in session.execute(query)]


def pending_of(session: Session, devices: Collection[str]) -> Sequence[tuple[Result, Unit]]:
    """What these devices posted that is neither confirmed nor taken out, without the scores."""
    rows = session.execute(
        select(Result, Unit)
        .join(Unit, Unit.id == Result.unit_id)
        .where(Result.device_id.in_(devices), PENDING_ONLY)
        .order_by(Result.id)
        .options(defer(Result.scores), WITH_POOL)
    )
    return [(result, unit) for result, unit in rows]


def pending_statuses(session: Session, devices: Collection[str]) -> list[tuple[int, bytes]]:
    """Of each of those results its pool, and how its pairs stand: there may be thousands where no
    auditor runs."""
    rows = session.execute(
        select(Unit.pool_id, Result.statuses)
        .join(Unit, Unit.id == Result.unit_id)
        .where(Result.device_id.in_(devices), PENDING_ONLY)
    )
    return [(pool, statuses) for pool, statuses in rows]


def count_waiting(session: Session, devices: Collection[str]) -> int:
    """Results of these devices that wait."""
    query = select(func.count()).select_from(Result)
    return session.scalars(query.where(Result.device_id.in_(devices), PENDING_ONLY)).one()


def broken_pairs(session: Session, pool: Pool) -> dict[PairStatus, int]:
    """How many pairs of the pool's finished units could not be scored, by status."""
    rows = session.execute(
        select(BrokenPairs.status, func.sum(BrokenPairs.pairs))
        .join(Shard, BrokenPairs.shard_id == Shard.id)
        .where(Shard.pool_id == pool.id, BrokenPairs.pairs > 0)
        .group_by(BrokenPairs.status)
        .order_by(BrokenPairs.status)
    )
    return {PairStatus(status): int(pairs) for status, pairs in rows}


def count_broken(session: Session, shard: int, statuses: bytes, sign: Literal[1, -1]) -> None:
    """Adds the broken pairs of a unit's scores to its shard's, or takes them off. Whoever does has
    locked the shard's row."""
    for status, pairs in sorted(Counter(statuses).items()):
        if status != PairStatus.SCORED:
            key = {"shard_id": shard, "status": status}
            add_counts(session, BrokenPairs, key=key, counts={"pairs": sign * pairs})


def _digest(posted: protocol.Result) -> str:
    """Of what was computed. `more` is about the answer, and ECDSA signs the same in many ways: both
    may differ in a repetition."""
    computed = msgspec.structs.replace(posted, more=0, signature=b"")
    return hashlib.sha256(protocol.encode(computed)).hexdigest()


def _code(error: MessageError) -> str:
    """A scores blob that is no whole number of floats has, above all, the wrong count."""
    return ResultInvalid.default_code if error.code == MessageError.default_code else error.code
