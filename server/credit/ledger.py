"""Adding to the ledger. A result's credit is confirmed or forfeited, once; what was confirmed may
be revoked, once. Everything else is refused, whoever asks and in whatever order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.credit import locks
from server.credit.models import CONFIRM, FORFEIT, REVOKE, Posting, Transfer
from server.credit.run import Earned, ordered, pack, unpack
from server.db import insert_now
from server.errors import LedgerError
from server.history import services as history

ISSUANCE = "issuance"
"""Where all credit comes from: its balance is what was ever given out, negative."""
AUDITED = "audits_passed"
_WORDS = {CONFIRM: "confirmed", FORFEIT: "forfeited", REVOKE: "revoked"}


# With each decision: made once.
_STORED = select(Transfer).where(Transfer.key == bindparam("key"))
_OVERLAPPING = select(Transfer.kind, Transfer.run).where(
    Transfer.contributor == bindparam("contributor"),
    Transfer.last_result >= bindparam("first"),
    Transfer.first_result <= bindparam("last"),
)


def earned_by(contributor: str) -> str:
    """The account of what a contributor has: confirmed and not revoked."""
    return f"contributor:{contributor}"


def forfeited_by(contributor: str) -> str:
    return f"forfeited:{contributor}"


def revoked_from(contributor: str) -> str:
    return f"revoked:{contributor}"


def confirm(
    session: Session,
    contributor: str,
    run: Iterable[Earned],
    at: datetime,
    *,
    reason: str = AUDITED,
) -> int:
    """Gives a contributor the credit of a run of results, for this reason. Gives the transfer's
    number; a repetition gets the first one's and changes nothing. Raises LedgerError if one of the
    results was confirmed or forfeited in another run."""
    accounts = (ISSUANCE, earned_by(contributor))
    return _add(session, CONFIRM, contributor, run, at, reason, accounts)


def forfeit(
    session: Session, contributor: str, run: Iterable[Earned], at: datetime, *, reason: str
) -> int:
    """Writes down that the contributor doesn't get the credit of these pending results, and why.
    As `confirm` otherwise."""
    accounts = (ISSUANCE, forfeited_by(contributor))
    return _add(session, FORFEIT, contributor, run, at, reason, accounts)


def revoke(
    session: Session, contributor: str, run: Iterable[Earned], at: datetime, *, reason: str
) -> int:
    """Takes back the credit of confirmed results, and says why. Raises LedgerError unless each of
    them was confirmed for this contributor with the same pairs and credits, and not revoked yet."""
    accounts = (earned_by(contributor), revoked_from(contributor))
    return _add(session, REVOKE, contributor, run, at, reason, accounts)


def _add(
    session: Session,
    kind: str,
    contributor: str,
    run: Iterable[Earned],
    at: datetime,
    reason: str,
    accounts: tuple[str, str],
) -> int:
    locks.add_to(session, contributor)
    results = ordered(run)
    first, last = results[0].result_id, results[-1].result_id
    key = f"{kind}:{first}-{last}"
    stored = session.scalar(_STORED, {"key": key})
    if stored is not None:
        if (stored.contributor, unpack(stored.run)) != (contributor, results):
            raise LedgerError(f"Another run is in the ledger as {key}.")
        return stored.id
    _check(session, kind, contributor, results)
    number = insert_now(
        session,
        Transfer,
        key=key,
        kind=kind,
        contributor=contributor,
        reason=reason,
        first_result=first,
        last_result=last,
        units=len(results),
        run=pack(results),
        made_at=at,
    )
    amount = sum(earned.amount for earned in results)
    pairs = sum(earned.pairs for earned in results)
    giver, taker = accounts
    for account, sign in ((giver, -1), (taker, 1)):
        insert_now(
            session,
            Posting,
            transfer_id=number,
            account=account,
            amount=sign * amount,
            pairs=sign * pairs,
        )
    decided = {"confirmed" if kind == CONFIRM else "rejected": len(results)}
    history.settled(session, at, **decided)
    return number


def _check(session: Session, kind: str, contributor: str, run: Sequence[Earned]) -> None:
    wanted = {earned.result_id: earned for earned in run}
    confirmed: dict[int, Earned] = {}
    bounds = {"first": run[0].result_id, "last": run[-1].result_id}
    rows = session.execute(_OVERLAPPING, {"contributor": contributor, **bounds})
    for earlier, packed in rows:
        for earned in unpack(packed):
            if earned.result_id not in wanted:
                continue
            if kind == REVOKE and earlier == CONFIRM:
                confirmed[earned.result_id] = earned
            else:
                raise LedgerError(f"Result {earned.result_id} is {_WORDS[earlier]} already.")
    if kind == REVOKE and confirmed != wanted:
        raise LedgerError("What is revoked isn't what was confirmed.")
