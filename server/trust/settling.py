"""What follows from an audit. Each function runs inside the caller's write transaction and under
the lock of the device's record.

    passed    the oldest results of the device's unconfirmed run are confirmed, as far as the policy
              says, and their credit with them
    failed    all of its unconfirmed results are rejected and their units given out anew; the device
              gets no more work; what of it was confirmed lately is audited once more
    again     more pairs of the same result are drawn
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.contributors import standing
from server.credit import services as credit
from server.credit.earning import earned
from server.credit.services import Earned
from server.pools import services as pools
from server.pools.services import Unit
from server.results import services as results
from server.results.services import CONFIRMED, PENDING, Result
from server.trust import decisions, drawing, policy, quarantine, records, run
from server.trust.judging import Verdict
from server.trust.models import AGAIN, COIN, FAILED, OPEN, PASSED, VOID, Audit, Record

FORFEITED = "audit_failed"
REVOKED = "recheck_failed"
CONFIRM_EVERY = timedelta(minutes=2)
"""So often at most for each device, that a line of the ledger, which stays for ever, is for many
results. Nothing is held back from a tail: no further audits follow that."""


@dataclass(frozen=True, kw_only=True)
class Court:
    """What every decision needs beside the database."""

    settings: Settings
    secret: bytes
    """Of the draws. All servers and auditors over one database have the same."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What an auditor found. `verdict`, `recomputed`: None if there was nothing to recompute."""

    audit: int
    verdict: Verdict | None
    recomputed: tuple[bytes, bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of an audit. The counts are of results."""

    state: str
    reason: str = ""
    confirmed: int = 0
    rejected: int = 0
    revoked: int = 0


# With each decision: made once.
_DECIDED = (
    select(Audit)
    .where(Audit.id.in_(bindparam("audits", expanding=True)))
    .execution_options(populate_existing=True)
)
_EARLIER = (
    select(Audit)
    .where(Audit.result_id.in_(bindparam("results", expanding=True)), Audit.state == AGAIN)
    .order_by(Audit.id)
)
_OPEN_OF = select(Audit).where(
    Audit.result_id.in_(bindparam("results", expanding=True)), Audit.state == OPEN
)


def settle(
    session: Session,
    court: Court,
    audit_id: int,
    verdict: Verdict | None,
    recomputed: tuple[bytes, bytes] | None,
    at: datetime,
) -> Judged:
    """As `settle_all`, of one audit."""
    found = Decided(audit=audit_id, verdict=verdict, recomputed=recomputed)
    return settle_all(session, court, [found], at)[0]


def settle_all(
    session: Session, court: Court, decided: Sequence[Decided], at: datetime
) -> list[Judged]:
    """Writes down what audits of one device found, in their order, and does what follows; what is
    confirmed after all of them is told with the last. One that is decided already stays as it is:
    its claim ran out and another process was faster, or one before it has failed."""
    record = records.locked_for(session, decided[0].audit)
    audits = {
        audit.id: audit
        for audit in session.scalars(_DECIDED, {"audits": [each.audit for each in decided]})
    }
    found = results.get_all(session, {audit.result_id for audit in audits.values()})
    judged = []
    for each in decided:
        audit = audits[each.audit]
        judged.append(_settle(session, court, record, audit, found[audit.result_id], each, at))
    states = {each.state for each in judged}
    # Of one that has failed nothing is pending any more.
    due = _is_due(record, at) or any(audit.tail for audit in audits.values())
    if due and FAILED not in states and states & {PASSED, VOID}:
        count = confirm_what_can_be(session, court, record, at)
        judged[-1] = dataclasses.replace(judged[-1], confirmed=count)
    return judged


def _settle(
    session: Session,
    court: Court,
    record: Record,
    audit: Audit,
    result: Result,
    decided: Decided,
    at: datetime,
) -> Judged:
    if audit.state != OPEN:
        return Judged(state=audit.state)
    verdict = decided.verdict
    if decided.recomputed is not None:
        audit.recomputed, audit.recomputed_statuses = decided.recomputed
    if verdict is not None:
        audit.largest, audit.mean = verdict.largest, verdict.mean
    if verdict is None or result.state not in (PENDING, CONFIRMED):
        _finish(audit, VOID, "nothing_to_compare" if verdict is None else "taken_out", at)
        return Judged(state=VOID, reason=audit.reason or "")
    if verdict.kind == "failed":
        unit = pools.get_unit(session, result.unit_id)
        cause = quarantine.active(session).cause(result, unit)
        if cause is not None:
            take_out(session, court, record, [(result, unit)], at, reason=cause)
            audit.reason = cause
            return Judged(state=VOID, reason=cause, rejected=1)
        _finish(audit, FAILED, verdict.reason, at)
        return _fail(session, court, record, audit, result, at)
    if verdict.kind == "again" and drawing.look_again(
        session, court.secret, audit, result, looked_at(session, audit), at
    ):
        _finish(audit, AGAIN, verdict.reason, at)
        return Judged(state=AGAIN, reason=verdict.reason)
    _finish(audit, PASSED, verdict.reason, at)
    record.passed += 1
    return Judged(state=PASSED, reason=verdict.reason)


def looked_at(session: Session, audit: Audit) -> tuple[int, ...]:
    """The pairs of an audit and of those that it goes on from."""
    before = earlier(session, [audit])[audit.id]
    return tuple(sorted({place for each in [*before, audit] for place in _places(each)}))


def earlier(session: Session, audits: Sequence[Audit]) -> dict[int, list[Audit]]:
    """By the number of each: the audits of the same result that were too close to call, before
    it."""
    # A coin's is the first of its result.
    going_on = {audit.result_id for audit in audits if audit.kind != COIN}
    close = session.scalars(_EARLIER, {"results": going_on}).all() if going_on else []
    return {
        audit.id: [
            each for each in close if each.result_id == audit.result_id and each.id < audit.id
        ]
        for audit in audits
    }


def _is_due(record: Record, at: datetime) -> bool:
    """Whether it is time to confirm what can be, for whom further audits will follow; what is
    settled in the same moment belongs to one lot."""
    last = record.confirmed_at
    return last is None or not timedelta() < at - last < CONFIRM_EVERY


def confirm_what_can_be(session: Session, court: Court, record: Record, at: datetime) -> int:
    """Confirms the oldest results of a device's run as far as the policy says; gives how many."""
    session.flush()
    outcomes = run.outcomes(session, record.device_id)
    count = policy.settled(outcomes)
    if count and standing.is_suspended(session, _contributor(session, record)):
        count = policy.settled(outcomes, suspended=True)
    if count:
        confirmed = results.run_of(session, record.device_id, limit=count)
        for result, _ in confirmed:
            results.confirm(result)
        credit.confirm(session, _contributor(session, record), _earned(court, confirmed), at)
        contributors.valid(session, court.settings, record.device_id, count)
        record.confirmed += count
        record.confirmed_at = at
    record.unsettled = count < len(outcomes)
    session.flush()
    return count


def take_out(
    session: Session,
    court: Court,
    record: Record,
    found: Sequence[tuple[Result, Unit]],
    at: datetime,
    *,
    reason: str,
) -> None:
    """Some living results of a device, all pending or all confirmed, that count for nothing any
    more, and their credit with them; what of their audits is open is void."""
    decide = credit.forfeit
    if found[0][0].state == CONFIRMED:
        decide = credit.revoke
        record.confirmed -= len(found)
    results.reject_all(session, [result for result, _ in found])
    decide(session, _contributor(session, record), _earned(court, found), at, reason=reason)
    gone = [result.id for result, _ in found]
    for audit in session.scalars(_OPEN_OF, {"results": gone}):
        _finish(audit, VOID, "taken_out", at)


def _fail(
    session: Session,
    court: Court,
    record: Record,
    audit: Audit,
    result: Result,
    at: datetime,
) -> Judged:
    reason = audit.reason or ""
    contributor = _contributor(session, record)
    unit = pools.get_unit(session, result.unit_id)
    if record.stopped_at is None:
        decisions.note(
            session,
            decisions.SUSPENDED,
            contributor,
            by=decisions.AUDIT,
            reason=f"{reason}: audit {audit.id} of {unit.name}, device {record.device_id}",
            at=at,
        )
    record.failed += 1
    record.passed = record.posted = 0
    records.stop(record, reason, at)
    contributors.suspend(session, contributor)
    contributors.invalid(session, court.settings, record.device_id, 1)
    revoked = int(result.state == CONFIRMED)
    if revoked:
        take_out(session, court, record, [(result, unit)], at, reason=REVOKED)
    pending = results.run_of(session, record.device_id)
    if pending:
        take_out(session, court, record, pending, at, reason=FORFEITED)
    record.unsettled = False
    # Those older than what was just found wrong, after the newest have been looked at.
    before = result.id if revoked else 1 << 62
    drawing.recheck(session, court.secret, record.device_id, at, before=before)
    session.flush()
    return Judged(state=FAILED, reason=reason, rejected=len(pending), revoked=revoked)


def _earned(court: Court, found: Sequence[tuple[Result, Unit]]) -> list[Earned]:
    return [earned(court.settings, result, unit) for result, unit in found]


def _contributor(session: Session, record: Record) -> str:
    return contributors.contributor_of(session, record.device_id)


def _finish(audit: Audit, state: str, reason: str, at: datetime) -> None:
    audit.state = state
    audit.reason = reason or None
    audit.finished_at = at
    audit.claimed_until = None


def _places(audit: Audit) -> tuple[int, ...]:
    return drawing.unpack(audit.positions)
