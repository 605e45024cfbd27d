"""Balances: copies of the ledger's sums, so that nobody has to add up its whole history."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, union_all, update
from sqlalchemy.orm import Session

from server.credit import locks
from server.credit.models import Balance, Posting, Transfer
from server.db import add_counts
from server.errors import LedgerError

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Amount:
    """Credits (millions of floating-point operations) and the pairs that they are for."""

    credits: int = 0
    pairs: int = 0


def project(session: Session, limit: int = BATCH) -> int:
    """Adds the oldest unapplied transfers to the balances; how many there were. In a transaction
    that does nothing else: projectors wait for each other."""
    locks.project(session)
    found = list(
        session.scalars(
            select(Transfer.id).where(~Transfer.applied).order_by(Transfer.id).limit(limit)
        )
    )
    if not found:
        return 0
    sums = session.execute(
        select(Posting.account, func.sum(Posting.amount), func.sum(Posting.pairs))
        .where(Posting.transfer_id.in_(found))
        .group_by(Posting.account)
        .order_by(Posting.account)
    )
    for account, amount, pairs in sums.all():
        counts = {"amount": int(amount), "pairs": int(pairs)}
        add_counts(session, Balance, key={"account": account}, counts=counts)
    session.execute(update(Transfer).where(Transfer.id.in_(found)).values(applied=True))
    return len(found)


def rebuild(session: Session) -> int:
    """Throws the balances away and adds the whole ledger up anew; how many accounts there are.
    Raises LedgerError, and changes nothing, if its sums aren't zero."""
    locks.close(session)
    locks.project(session)
    check(session)
    session.execute(delete(Balance))
    sums = select(Posting.account, func.sum(Posting.amount), func.sum(Posting.pairs))
    session.execute(
        insert(Balance).from_select(["account", "amount", "pairs"], sums.group_by(Posting.account))
    )
    session.execute(update(Transfer).where(~Transfer.applied).values(applied=True))
    return session.scalars(select(func.count()).select_from(Balance)).one()


def check(session: Session) -> None:
    """Raises LedgerError unless each transfer gives what it takes."""
    wrong = session.scalar(
        select(Transfer.id)
        .outerjoin(Posting, Posting.transfer_id == Transfer.id)
        .group_by(Transfer.id)
        .having(
            (func.count(Posting.account) != 2)
            | (func.sum(Posting.amount) != 0)
            | (func.sum(Posting.pairs) != 0)
        )
        .limit(1)
    )
    if wrong is not None:
        raise LedgerError(
            f"Transfer {wrong} doesn't add up: somebody has changed the database by hand.",
            code="ledger_damaged",
            next_step="Restore the latest backup, or ask for help before going on.",
        )


def adrift(session: Session, limit: int = 10) -> list[str]:
    """Accounts, `limit` at most, whose balance, with what isn't applied to it yet, isn't the sum of
    the ledger."""
    kept = select(Balance.account, Balance.amount, Balance.pairs)
    since = (
        select(Posting.account, Posting.amount, Posting.pairs)
        .join(Transfer, Posting.transfer_id == Transfer.id)
        .where(~Transfer.applied)
    )
    whole = select(Posting.account, -Posting.amount, -Posting.pairs)
    # One statement: while it runs, others may add to the ledger or apply it.
    all_of_it = union_all(kept, since, whole).subquery()
    return list(
        session.scalars(
            select(all_of_it.c.account)
            .group_by(all_of_it.c.account)
            .having((func.sum(all_of_it.c.amount) != 0) | (func.sum(all_of_it.c.pairs) != 0))
            .order_by(all_of_it.c.account)
            .limit(limit)
        )
    )


def balances(session: Session, accounts: Collection[str] | None = None) -> dict[str, Amount]:
    """What is on these accounts, or on all, to the latest transfer: the balances and what isn't
    applied to them yet. An account without any transfer isn't in it."""
    kept = select(Balance.account, Balance.amount, Balance.pairs)
    since = (
        select(Posting.account, Posting.amount, Posting.pairs)
        .join(Transfer, Posting.transfer_id == Transfer.id)
        .where(~Transfer.applied)
    )
    if accounts is not None:
        kept = kept.where(Balance.account.in_(accounts))
        since = since.where(Posting.account.in_(accounts))
    # One statement, so that it sees a transfer in the one place or the other on any isolation.
    both = union_all(kept, since).subquery()
    rows = session.execute(
        select(both.c.account, func.sum(both.c.amount), func.sum(both.c.pairs))
        .group_by(both.c.account)
        .order_by(both.c.account)
    )
    return {name: Amount(credits=int(amount), pairs=int(pairs)) for name, amount, pairs in rows}
