"""Counting the problems that were answered.

A flood of refusals must not become a flood of writes: each worker counts in memory and adds its
counts to the database's at most every FLUSH_EVERY_S, after an answer has gone out. A worker that is
killed forgets what it counted since then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, Response, g
from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.db import Database, TooManyWriters, add_counts, now
from server.problems.models import ProblemCount

FLUSH_EVERY_S = 5.0
KEPT = timedelta(days=7)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CodeCount:
    """How often a code was answered: in this hour, in the last 24, in the last 7 days."""

    code: str
    hour: int
    day: int
    week: int


class Tally:
    """One worker's counts on their way to the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: Counter[tuple[datetime, str]] = Counter()
        self._flushed = -FLUSH_EVERY_S

    def add(self, code: str, at: datetime) -> None:
        with self._lock:
            self._waiting[hour_of(at), code] += 1

    def is_due(self, clock: float) -> bool:
        """`clock`: seconds of a monotonic clock."""
        with self._lock:
            return bool(self._waiting) and clock - self._flushed >= FLUSH_EVERY_S

    def flush(self, at: datetime, clock: float) -> None:
        """Adds what waits to the database, and drops hours that are too old. What can't be written
        waits on: a database in trouble is no reason to fail an answer that has gone out."""
        with self._lock:
            waiting, self._waiting = self._waiting, Counter()
            self._flushed = clock
        try:
            with self._database.write() as session:
                for (hour, code), answers in sorted(waiting.items()):
                    key = {"hour": hour, "code": code}
                    add_counts(session, ProblemCount, key=key, counts={"answers": answers})
                session.execute(delete(ProblemCount).where(ProblemCount.hour < at - KEPT))
        except (SQLAlchemyError, TooManyWriters) as error:
            log.warning("The counts of problems can't be written: %s", error)
            with self._lock:
                self._waiting.update(waiting)

    def flush_now(self, at: datetime) -> None:
        """Due or not."""
        with self._lock:
            is_empty = not self._waiting
        if not is_empty:
            self.flush(at, time.monotonic())


def init_app(app: Flask, database: Database) -> None:
    tally = Tally(database)
    app.extensions["dva-problems"] = tally

    def count(response: Response) -> Response:
        code = g.pop("problem", None)
        if code is not None:
            tally.add(code, now())
        if tally.is_due(time.monotonic()):
            response.call_on_close(lambda: tally.flush(now(), time.monotonic()))
        return response

    app.after_request(count)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def by_code(session: Session, at: datetime) -> Sequence[CodeCount]:
    """The most frequent of the last 24 hours first."""
    this_hour = hour_of(at)

    def since(start: datetime) -> ColumnElement[int]:
        return func.sum(case((ProblemCount.hour >= start, ProblemCount.answers), else_=0))

    day = since(this_hour - DAY + HOUR)
    rows = session.execute(
        select(ProblemCount.code, since(this_hour), day, func.sum(ProblemCount.answers))
        .where(ProblemCount.hour > this_hour - KEPT)
        .group_by(ProblemCount.code)
        .order_by(day.desc(), ProblemCount.code)
    )
    return [
        CodeCount(code=code, hour=int(hour), day=int(day), week=int(week))
        for code, hour, day, week in rows
    ]
