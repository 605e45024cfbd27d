"""What the ledger tells of single results, and of one contributor's past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.credit.models import CONFIRM, Transfer
from server.credit.run import Earned, unpack

RUNS_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A transfer: so many units of a contributor were confirmed, forfeited or revoked."""

    number: int
    made_at: datetime
    kind: str
    contributor: str
    reason: str
    units: int
    pairs: int
    credits: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The last word on a result: why, when, and about how much."""

    reason: str
    made_at: datetime
    earned: Earned


def latest(session: Session, *, contributor: str | None, limit: int) -> list[Entry]:
    """The newest first."""
    query = select(Transfer).order_by(Transfer.id.desc()).limit(limit)
    if contributor is not None:
        query = query.where(Transfer.contributor == contributor)
    return [_entry(transfer) for transfer in session.scalars(query)]


def decided(session: Session, contributor: str, results: Iterable[int]) -> dict[int, Decided]:
    """How these results of a contributor stand, by what was decided last about each; one about
    which nothing was decided isn't in it."""
    wanted = set(results)
    if not wanted:
        return {}
    found: dict[int, Decided] = {}
    rows = session.execute(
        select(Transfer.reason, Transfer.made_at, Transfer.run)
        .where(
            Transfer.contributor == contributor,
            Transfer.last_result >= min(wanted),
            Transfer.first_result <= max(wanted),
        )
        .order_by(Transfer.id)
    )
    for reason, made_at, packed in rows:
        for earned in unpack(packed):
            if earned.result_id in wanted:
                found[earned.result_id] = Decided(reason=reason, made_at=made_at, earned=earned)
    return found


def confirmed(
    session: Session, contributor: str, *, before: int | None, limit: int
) -> list[Decided]:
    """The newest `limit` results of a contributor, by number and below `before`, whose last word is
    that they were confirmed: the newest first."""
    query = (
        select(Transfer.kind, Transfer.reason, Transfer.made_at, Transfer.last_result, Transfer.run)
        .where(Transfer.contributor == contributor)
        .order_by(Transfer.last_result.desc(), Transfer.id)
    )
    if before is not None:
        query = query.where(Transfer.first_result < before)
    last: dict[int, tuple[str, Decided]] = {}
    with session.execute(query.execution_options(yield_per=RUNS_AT_ONCE)) as rows:
        for row in rows:
            # The runs from here on end before this one's last result, and change nothing above it.
            above = [kind for number, (kind, _) in last.items() if number > row.last_result]
            if above.count(CONFIRM) >= limit:
                break
            for earned in unpack(row.run):
                number = earned.result_id
                # Of two words on one result the one that takes it back is the last.
                known = last.get(number)
                if (before is None or number < before) and (known is None or row.kind != CONFIRM):
                    decision = Decided(reason=row.reason, made_at=row.made_at, earned=earned)
                    last[number] = row.kind, decision
    found = sorted(last.items(), reverse=True)
    return [decided for _, (kind, decided) in found if kind == CONFIRM][:limit]


def _entry(transfer: Transfer) -> Entry:
    run = unpack(transfer.run)
    return Entry(
        number=transfer.id,
        made_at=transfer.made_at,
        kind=transfer.kind,
        contributor=transfer.contributor,
        reason=transfer.reason,
        units=transfer.units,
        pairs=sum(earned.pairs for earned in run),
        credits=sum(earned.amount for earned in run),
    )
