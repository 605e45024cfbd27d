"""A contributor's own work: what it comes to, and how each unit stands."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from dva_agent.credit import Amount, Awaited, Credit, Work, WorkedUnit, WorkState
from dva_agent.errors import BundleError
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as ledger
from server.credit.services import Decided
from server.me import history
from server.pools import services as pools
from server.pools.services import Pool, Unit
from server.results import services as results
from server.results.services import Result
from server.trust import queue, telling
from server.trust.telling import Audited

PAGE = 50
POSTED, PASSED = "posted", "passed"
STATES: dict[str, WorkState] = {
    "pending": "pending",
    "confirmed": "confirmed",
    "rejected": "forfeited",
    "revoked": "revoked",
}


def credit_of(session: Session, settings: Settings, device: str) -> Credit:
    """Of the contributor whose device this is."""
    contributor = contributors.contributor_of(session, device)
    pending = results.pending_statuses(session, contributors.devices_of(session, contributor))
    pairs = Counter[int]()
    for pool, statuses in pending:
        pairs[pool] += ledger.counted(statuses)
    credits = sum(_credits(session, settings, pool, count) for pool, count in pairs.items())
    settled = ledger.settled_of(session, contributor)
    return Credit(
        contributor=contributor,
        payout=contributors.payout_of(session, contributor),
        pending=Amount(credits=credits, pairs=pairs.total()),
        pending_units=len(pending),
        confirmed=_amount(settled.confirmed),
        forfeited=_amount(settled.forfeited),
        revoked=_amount(settled.revoked),
    )


def units_of(
    session: Session, settings: Settings, device: str, after: int | None, at: datetime
) -> Work:
    """A page of them; `after`: the cursor that the last page gave."""
    contributor = contributors.contributor_of(session, device)
    devices = contributors.devices_of(session, contributor)
    found = results.posted_by(session, devices, after=after, limit=PAGE + 1)
    stored = {result.id for result, _ in found}
    away = [
        each
        for each in ledger.confirmed(session, contributor, before=after, limit=PAGE + 1)
        if each.earned.result_id not in stored
    ]
    numbers = sorted([*stored, *(each.earned.result_id for each in away)], reverse=True)
    shown = set(numbers[:PAGE])
    page = [(result, unit) for result, unit in found if result.id in shown]
    ids = [result.id for result, _ in page]
    decided = ledger.decided(session, contributor, ids)
    audits = telling.audits_of(session, ids)
    live = queue.is_live(session, at)
    units = []
    for result, unit in page:
        audited = audits.get(result.id, Audited())
        awaits = _awaits(result, unit, audited, live=live)
        units.append(_worked(settings, result, unit, decided.get(result.id), audited, awaits))
    units += history.told(session, settings, [e for e in away if e.earned.result_id in shown])
    units.sort(key=lambda unit: unit.result, reverse=True)
    return Work(units=units, next=units[-1].result if len(numbers) > PAGE else None)


def _worked(
    settings: Settings,
    result: Result,
    unit: Unit,
    decided: Decided | None,
    audited: Audited,
    awaits: Awaited,
) -> WorkedUnit:
    credits: int | None
    if decided is not None:
        pairs, credits = decided.earned.pairs, decided.earned.amount
        # Its own failure says more than that something of the device's has failed.
        reason = audited.failed or decided.reason
    else:
        pairs, credits = _pending(settings, result, unit)
        reason = PASSED if audited.passed else POSTED
    return WorkedUnit(
        result=result.id,
        unit=unit.name,
        pool=unit.shard.pool.name,
        posted_at=result.scored_at,
        pairs=pairs,
        credits=credits,
        state=STATES[result.state],
        reason=reason,
        awaits=awaits if decided is None else None,
    )


def _awaits(result: Result, unit: Unit, audited: Audited, *, live: bool) -> Awaited:
    """If it is pending."""
    if unit.shard.pool.policy == pools.REPLICATION:
        return "copies"
    if not audited.waits and result.drawn:
        return "later_audits"
    return "audit" if live else "auditor"


def _credits(session: Session, settings: Settings, pool: int, pairs: int) -> int:
    """0 while the server lacks the pool's model."""
    try:
        gflops = ledger.gflops_per_pair(settings, session.get_one(Pool, pool))
    except BundleError:
        return 0
    return ledger.credits(pairs, gflops)


def _pending(settings: Settings, result: Result, unit: Unit) -> tuple[int, int | None]:
    """Pairs and credits, if the result is confirmed."""
    try:
        earned = ledger.earned(settings, result, unit)
    except BundleError:
        return len(result.statuses), None
    return earned.pairs, earned.amount


def _amount(amount: ledger.Amount) -> Amount:
    return Amount(credits=amount.credits, pairs=amount.pairs)
