"""A contributor's own work: what it comes to, and how each unit stands."""

from __future__ import annotations

from dva_agent.credit import Amount, Awaited, Credit, Work, WorkedUnit, WorkState
from dva_agent.errors import BundleError
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as ledger
from server.credit.services import Decided
from server.pools.services import Unit
from server.results import services as results
from server.results.services import Result

PAGE = 50
POSTED = "posted"
STATES: dict[str, WorkState] = {
    "pending": "pending",
    "confirmed": "confirmed",
    "rejected": "forfeited",
    "revoked": "revoked",
}


def credit_of(session: Session, settings: Settings, device: str) -> Credit:
    """Of the contributor whose device this is."""
    contributor = contributors.contributor_of(session, device)
    pending = results.pending_of(session, contributors.devices_of(session, contributor))
    credits = pairs = 0
    for result, unit in pending:
        amount = _pending(settings, result, unit)
        pairs += amount[0]
        credits += amount[1] or 0
    settled = ledger.settled_of(session, contributor)
    return Credit(
        contributor=contributor,
        pending=Amount(credits=credits, pairs=pairs),
        pending_units=len(pending),
        confirmed=_amount(settled.confirmed),
        forfeited=_amount(settled.forfeited),
        revoked=_amount(settled.revoked),
    )


def units_of(session: Session, settings: Settings, device: str, after: int | None) -> Work:
    """A page of them; `after`: the cursor that the last page gave."""
    contributor = contributors.contributor_of(session, device)
    devices = contributors.devices_of(session, contributor)
    found = results.posted_by(session, devices, after=after, limit=PAGE + 1)
    page = found[:PAGE]
    decided = ledger.decided(session, contributor, [result.id for result, _ in page])
    return Work(
        units=[_worked(settings, result, unit, decided.get(result.id)) for result, unit in page],
        next=page[-1][0].id if len(found) > PAGE else None,
    )


def _worked(settings: Settings, result: Result, unit: Unit, decided: Decided | None) -> WorkedUnit:
    state = STATES[result.state]
    awaits: Awaited | None = None
    credits: int | None
    if decided is not None:
        pairs, credits = decided.earned.pairs, decided.earned.amount
        reason = decided.reason
    else:
        pairs, credits = _pending(settings, result, unit)
        reason, awaits = POSTED, "audit"
    return WorkedUnit(
        result=result.id,
        unit=unit.name,
        pool=unit.shard.pool.name,
        posted_at=result.scored_at,
        pairs=pairs,
        credits=credits,
        state=state,
        reason=reason,
        awaits=awaits,
    )


def _pending(settings: Settings, result: Result, unit: Unit) -> tuple[int, int | None]:
    """Pairs and credits, if the result is confirmed."""
    try:
        earned = ledger.earned(settings, result, unit)
    except BundleError:
        return len(result.statuses), None
    return earned.pairs, earned.amount


def _amount(amount: ledger.Amount) -> Amount:
    return Amount(credits=amount.credits, pairs=amount.pairs)
