"""Epochs: the ledger up to a transfer, closed, so that what it came to can be published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dva_agent.credit import CreditProof
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.credit import locks, merkle
from server.credit.models import Epoch, EpochLine, Posting, Transfer
from server.credit.projector import check
from server.credit.statement import Line, leaves
from server.errors import EpochError
from server.refusals import ProofUnknown

_PREFIX = "contributor:"


@dataclass(frozen=True, kw_only=True)
class Closed:
    """`earned` and `balance` are sums over the contributors, in credits; `root` is hex."""

    number: int
    closed_at: datetime
    contributors: int
    earned: int
    balance: int
    root: str


def close(session: Session, at: datetime, payouts: Callable[[str], str]) -> Closed:
    """Ends the running epoch. `payouts`: a contributor's payout address, or "". Raises EpochError
    if nothing was added to the ledger since the last one, LedgerError if it doesn't add up."""
    locks.close(session)
    check(session)
    before = session.scalar(select(Epoch).order_by(Epoch.number.desc()).limit(1))
    after = before.last_transfer if before else 0
    last = session.scalar(select(func.max(Transfer.id)))
    if last is None or last <= after:
        raise EpochError("Nothing was added to the ledger since the last epoch.")
    number = before.number + 1 if before else 1
    earned = _earned(session, after, last)
    balances = _balances(session, before)
    lines = [
        Line(
            epoch=number,
            contributor=contributor,
            earned=earned.get(contributor, 0),
            balance=balances.get(contributor, 0) + earned.get(contributor, 0),
            payout=payouts(contributor),
        )
        for contributor in sorted(earned.keys() | balances.keys())
    ]
    lines = [line for line in lines if line.earned or line.balance]
    epoch = Epoch(
        number=number,
        closed_at=at,
        last_transfer=last,
        root=merkle.root(leaves([line.text() for line in lines])).hex(),
    )
    session.add(epoch)
    session.flush()
    session.add_all(
        EpochLine(
            epoch=number,
            position=position,
            contributor=line.contributor,
            earned=line.earned,
            balance=line.balance,
            payout=line.payout,
        )
        for position, line in enumerate(lines)
    )
    session.flush()
    return _closed(epoch, lines)


def listed(session: Session) -> list[Closed]:
    """All of them, oldest first."""
    epochs = session.scalars(select(Epoch).order_by(Epoch.number)).all()
    return [_closed(epoch, _lines(session, epoch.number)) for epoch in epochs]


def lines_of(session: Session, number: int) -> list[str]:
    """The statement of an epoch. Raises EpochError if it isn't closed."""
    if session.get(Epoch, number) is None:
        raise EpochError(f"Epoch {number} isn't closed.", next_step="See dva epoch list.")
    return [line.text() for line in _lines(session, number)]


def proof(session: Session, contributor: str, number: int | None) -> CreditProof:
    """That this contributor's line is in an epoch's statement; None: in the latest. Raises
    ProofUnknown if there is no such epoch or no such line."""
    newest = select(Epoch).order_by(Epoch.number.desc()).limit(1)
    epoch = session.scalar(newest if number is None else newest.where(Epoch.number == number))
    if epoch is None:
        raise ProofUnknown("No such epoch is closed yet.")
    lines = _lines(session, epoch.number)
    for index, line in enumerate(lines):
        if line.contributor == contributor:
            path = merkle.path(leaves([each.text() for each in lines]), index)
            return CreditProof(
                epoch=epoch.number,
                closed_at=epoch.closed_at,
                root=epoch.root,
                line=line.text(),
                index=index,
                contributors=len(lines),
                path=[each.hex() for each in path],
            )
    raise ProofUnknown(f"You have no credit in epoch {epoch.number}.")


def _earned(session: Session, after: int, last: int) -> dict[str, int]:
    rows = session.execute(
        select(Posting.account, func.sum(Posting.amount))
        .where(
            Posting.transfer_id > after,
            Posting.transfer_id <= last,
            Posting.account.startswith(_PREFIX),
        )
        .group_by(Posting.account)
    )
    return {account.removeprefix(_PREFIX): int(amount) for account, amount in rows}


def _balances(session: Session, epoch: Epoch | None) -> dict[str, int]:
    """At the end of this epoch; before the first there was nothing."""
    lines = _lines(session, epoch.number) if epoch else []
    return {line.contributor: line.balance for line in lines}


def _lines(session: Session, number: int) -> list[Line]:
    rows = session.scalars(
        select(EpochLine).where(EpochLine.epoch == number).order_by(EpochLine.position)
    )
    return [
        Line(
            epoch=row.epoch,
            contributor=row.contributor,
            earned=row.earned,
            balance=row.balance,
            payout=row.payout,
        )
        for row in rows
    ]


def _closed(epoch: Epoch, lines: Sequence[Line]) -> Closed:
    return Closed(
        number=epoch.number,
        closed_at=epoch.closed_at,
        contributors=len(lines),
        earned=sum(line.earned for line in lines),
        balance=sum(line.balance for line in lines),
        root=epoch.root,
    )
