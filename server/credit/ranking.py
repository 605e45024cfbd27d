"""Who has the most, of any number of contributors: counted and ranked by the database."""

from __future__ import annotations

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session

from server.credit.ledger import earned_by
from server.credit.models import Balance, Posting, Transfer


def ranked(
    session: Session, named: Select[str, str | None], *, limit: int
) -> list[tuple[str, int]]:
    """Names and confirmed pairs, the most first, of those who have any. `named`: contributors and
    their names."""
    who = named.subquery()
    contributor, name = who.c
    account = literal(earned_by("")) + contributor
    kept = select(contributor, name, Balance.pairs).join(Balance, Balance.account == account)
    since = (
        select(contributor, name, Posting.pairs)
        .join(Posting, Posting.account == account)
        .join(Transfer, Posting.transfer_id == Transfer.id)
        .where(~Transfer.applied)
    )
    # One statement, so that it sees a transfer in the one place or the other on any isolation.
    both = union_all(kept, since).subquery()
    contributor, name, pairs = both.c
    total = func.sum(pairs)
    rows = session.execute(
        select(name, total)
        .group_by(contributor, name)
        .having(total > 0)
        .order_by(total.desc(), contributor)
        .limit(limit)
    )
    return [(name, int(pairs)) for name, pairs in rows]
