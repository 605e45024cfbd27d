"""People who check each other, and pools that have them do it."""

from __future__ import annotations

from itertools import count

from dva_agent.credit import Credit, Work
from dva_agent.protocol import (
    ROOT,
    Accepted,
    Lease,
    LeaseRequest,
    Leases,
    pack_scores,
)
from flask import Flask
from sqlalchemy import select, update

from server.db import Database, now
from server.results.models import Result
from server.work.copies import OPENING
from server.work.models import Ballot
from tests.keys import Keys
from tests.server.api import Api, result_for

NETWORKS = count(1)


class Person(Api):
    """Somebody on a network of their own, unless it is named."""

    def __init__(self, app: Flask, keys: Keys | None = None, address: str | None = None) -> None:
        self.address = address or f"198.51.{next(NETWORKS)}.7"
        super().__init__(app, keys)

    def ask(self, count: int = 1) -> Leases:
        message = LeaseRequest(agents=["dva"], count=count)
        options = {"environ_base": {"REMOTE_ADDR": self.address}}
        answer = self.ok(self.post("/leases", message, **options), Leases)
        self.know(answer.leases)
        return answer

    def one(self) -> Lease:
        (lease,) = self.ask().leases
        return lease

    def say(self, lease: Lease, wrong: float = 0.0) -> None:
        """Posts true scores, or others; those who are wrong by the same agree."""
        scores = [int(pair.uid[:4], 16) / 65536 - wrong for pair in lease.pairs]
        result = result_for(lease, scores=pack_scores(scores))
        self.ok(self.post_result(lease, result), Accepted)

    def credit(self) -> Credit:
        return self.ok(self.get(f"{ROOT}/me/credit", **self.signed_in()), Credit)

    def told(self) -> list[tuple[str, str, str | None]]:
        work = self.ok(self.get(f"{ROOT}/me/units", **self.signed_in()), Work)
        return [(unit.state, unit.reason, unit.awaits) for unit in work.units]

    def signed_in(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.device.token}"}


def open_lots(database: Database) -> None:
    """As if what is wanted had been wanted for long."""
    with database.write() as session:
        session.execute(update(Ballot).values(opened_at=now() - OPENING))


def states(database: Database) -> list[tuple[int, str]]:
    """Copy and state of each result, in the order in which they came."""
    with database.read() as session:
        return [(row.copy, row.state) for row in session.scalars(select(Result).order_by("id"))]
