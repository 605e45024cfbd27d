"""What other domains may ask of credit."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.credit.earning import counted, earned, gflops_per_pair
from server.credit.history import Decided, confirmed, decided
from server.credit.ledger import confirm, earned_by, forfeit, forfeited_by, revoke, revoked_from
from server.credit.projector import Amount, adrift, balances, check, project, rebuild
from server.credit.run import Earned, credits

__all__ = [
    "Amount",
    "Decided",
    "Earned",
    "adrift",
    "balances",
    "check",
    "confirm",
    "confirmed",
    "counted",
    "credits",
    "decided",
    "earned",
    "forfeit",
    "gflops_per_pair",
    "project",
    "rebuild",
    "revoke",
    "settled_of",
]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What the ledger holds of one contributor. `confirmed` is without what was `revoked`."""

    confirmed: Amount
    forfeited: Amount
    revoked: Amount


def settled_of(session: Session, contributor: str) -> Settled:
    accounts = [earned_by(contributor), forfeited_by(contributor), revoked_from(contributor)]
    found = balances(session, accounts)
    confirmed, forfeited, revoked = (found.get(account, Amount()) for account in accounts)
    return Settled(confirmed=confirmed, forfeited=forfeited, revoked=revoked)
