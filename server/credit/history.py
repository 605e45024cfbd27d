"""What the ledger tells of single results, and of one contributor's past."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.credit.models import Transfer
from server.credit.run import Earned, unpack


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
    """The last word on a result: why, and about how much."""

    reason: str
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
        select(Transfer.reason, Transfer.run)
        .where(
            Transfer.contributor == contributor,
            Transfer.last_result >= min(wanted),
            Transfer.first_result <= max(wanted),
        )
        .order_by(Transfer.id)
    )
    for reason, packed in rows:
        for earned in unpack(packed):
            if earned.result_id in wanted:
                found[earned.result_id] = Decided(reason=reason, earned=earned)
    return found


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
