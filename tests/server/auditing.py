"""An auditor's decisions without its arithmetic: every open audit ends as the test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from server.config import Settings
from server.db import Database, now
from server.pools.services import Unit
from server.results.services import Result
from server.trust import drawing, settling, tails
from server.trust.judging import Verdict
from server.trust.models import Audit, Record
from server.trust.settling import Court, Judged

Judge = Callable[[Result, Audit], Verdict]
PASSED = Verdict(kind="passed", reason="", largest=1e-7, mean=0.0)
FAILED = Verdict(kind="failed", reason="score_differs", largest=0.5, mean=0.1)
AGAIN = Verdict(kind="again", reason="score_borderline", largest=1e-3, mean=0.0)


class Trial:
    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.court = Court(settings=settings, secret=b"a secret of 32 bytes, or about so")

    def draw(self) -> int:
        with self.database.write() as session:
            return drawing.throw_coins(session, self.court.secret, 100, now())

    def draw_tails(self, at: datetime) -> int:
        with self.database.write() as session:
            return tails.draw_due(session, self.court, at)

    def end_all(self, verdict: Verdict | Judge) -> list[Judged]:
        """Ends what is open by now, oldest first."""
        ended = []
        for audit in self.audits("open"):
            with self.database.write() as session:
                result = session.get_one(Result, audit.result_id)
                found = verdict if isinstance(verdict, Verdict) else verdict(result, audit)
                ended.append(
                    settling.settle(session, self.court, audit.id, found, (b"", b""), now())
                )
        return ended

    def audits(self, state: str | None = None) -> list[Audit]:
        query = select(Audit).order_by(Audit.id)
        if state is not None:
            query = query.where(Audit.state == state)
        with self.database.read() as session:
            return list(session.scalars(query))

    def results(self) -> dict[str, str]:
        """The state of each unit's newest result, by the unit's name."""
        with self.database.read() as session:
            rows = session.execute(
                select(Unit, Result.state)
                .join(Result, Result.unit_id == Unit.id)
                .order_by(Result.id)
            )
            return {unit.name: state for unit, state in rows}

    def record(self, device: str) -> Record:
        with self.database.read() as session:
            return session.get_one(Record, device)
