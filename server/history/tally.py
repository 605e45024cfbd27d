"""Counting what is handed out and what comes back.

A row that every result has to lock would be waited for by all of them, so each worker counts in
memory, and adds its counts to the database's at most every FLUSH_EVERY_S, after an answer has gone
out and when it is stopped. A worker that is killed forgets what it counted since then: charts and
sums are made of this, never credit nor the state of a unit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, Response, request
from sqlalchemy import delete, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from server.db import Base, Database, TooManyWriters, add_counts, insert_once, now
from server.history.models import Level, PoolCount, ServerCount
from server.history.periods import MINUTE, PERIODS

FLUSH_EVERY_S = 5.0
ANYBODY = 0
"""For what is counted of no pool."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Levels:
    """How things stand: leases held, pairs waiting for an audit, devices seen within ten minutes,
    and their contributors."""

    leases: int
    backlog_pairs: int
    devices: int
    contributors: int


Look = Callable[[Session, datetime], Levels]
_Counts = dict[tuple[datetime, int], Counter[str]]
_AT_COMMIT = "history_at_commit"


class Tally:
    """One worker's counts on their way to the database. `look`: how things stand."""

    def __init__(self, database: Database, look: Look) -> None:
        self._database = database
        self._look = look
        self._lock = threading.Lock()
        self._waiting: _Counts = {}
        self._flushed = -FLUSH_EVERY_S
        self._looked: datetime | None = None
        self._touched: datetime | None = None

    def handed_out(self, pool: int, *, leases: int, size: int, at: datetime) -> None:
        """So many units, and the bytes that fetching them transfers."""
        self._add(at, pool, leases=leases, bytes=size)

    def came(self, pool: int, *, pairs: int, again: bool, at: datetime) -> None:
        """A result. `again`: its unit has another one."""
        self._add(at, pool, results=1, pairs=pairs, again_pairs=pairs if again else 0)

    def answered(self, status: int, at: datetime) -> None:
        """A refusal or a failure; nothing else is counted."""
        if status >= 400:
            self._add(at, ANYBODY, **{"failed" if status >= 500 else "refused": 1})

    def sent_model(self, size: int, at: datetime) -> None:
        self._add(at, ANYBODY, model_bytes=size)

    def touch(self, at: datetime) -> None:
        """Somebody is at work: it is worth a look how things stand, once a minute."""
        with self._lock:
            self._touched = MINUTE.start(at)

    def is_due(self, clock: float) -> bool:
        """`clock`: seconds of a monotonic clock."""
        with self._lock:
            waits = bool(self._waiting) or self._touched != self._looked
            return waits and clock - self._flushed >= FLUSH_EVERY_S

    def flush(self, at: datetime, clock: float) -> None:
        """Adds what waits to the database, looks how things stand if nobody has in this minute, and
        drops what is too old. What can't be written waits on: a database in trouble is no reason to
        fail an answer that has gone out."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            looked, self._looked = self._looked, self._touched
            self._flushed = clock
            is_new = self._touched is not None and looked != self._touched
        try:
            with self._database.write() as session:
                write(session, waiting)
                if is_new:
                    note(session, self._look(session, at), at)
                    drop_old(session, at)
        except (SQLAlchemyError, TooManyWriters) as error:
            log.warning("The counts of what was done can't be written: %s", error)
            with self._lock:
                self._looked = looked
                for key, counts in waiting.items():
                    self._waiting.setdefault(key, Counter()).update(counts)

    def flush_now(self, at: datetime) -> None:
        """Due or not."""
        with self._lock:
            is_empty = not self._waiting and self._touched == self._looked
        if not is_empty:
            self.flush(at, time.monotonic())

    def _add(self, at: datetime, pool: int, **counts: int) -> None:
        with self._lock:
            self._waiting.setdefault((MINUTE.start(at), pool), Counter()).update(counts)


def at_commit(session: Session, counts: _Counts) -> None:
    """Has them written when the session's transaction is about to commit, together with what else
    was counted in it: then it is last, whatever the caller does after this."""
    if _AT_COMMIT not in session.info:
        session.info[_AT_COMMIT] = {}
        event.listen(session, "before_commit", _write_waiting)
    waiting: _Counts = session.info[_AT_COMMIT]
    for key, found in counts.items():
        waiting.setdefault(key, Counter()).update(found)


def _write_waiting(session: Session) -> None:
    """Not when a savepoint ends: its transaction goes on."""
    waiting: _Counts = session.info[_AT_COMMIT]
    if waiting and not session.in_nested_transaction():
        session.flush()
        write(session, waiting)
        waiting.clear()


def write(session: Session, counts: _Counts) -> None:
    """Adds counts of minutes to those minutes and their hours: in one order, so that two who do it
    at once never wait in a circle, and last in a transaction, so that nobody waits long."""
    for period in PERIODS:
        sums: _Counts = {}
        for (minute, pool), found in counts.items():
            sums.setdefault((period.start(minute), pool), Counter()).update(found)
        for (start, pool), found in sorted(sums.items(), key=lambda item: item[0]):
            key = {"period_s": period.seconds, "start": start}
            if pool == ANYBODY:
                _add_to(session, ServerCount, key, found)
            else:
                _add_to(session, PoolCount, {**key, "pool_id": pool}, found)


def note(session: Session, levels: Levels, at: datetime) -> None:
    """How things stand, unless somebody has noted it for this minute or hour."""
    for period in PERIODS:
        insert_once(
            session,
            Level,
            period_s=period.seconds,
            start=period.start(at),
            leases=levels.leases,
            backlog_pairs=levels.backlog_pairs,
            devices=levels.devices,
            contributors=levels.contributors,
        )


def drop_old(session: Session, at: datetime) -> None:
    for period in PERIODS:
        for table in (PoolCount, ServerCount, Level):
            is_old = (table.period_s == period.seconds) & (table.start < at - period.kept)
            session.execute(delete(table).where(is_old))


def _add_to(
    session: Session, table: type[Base], key: dict[str, object], found: Counter[str]
) -> None:
    columns = [column.name for column in table.__table__.columns if column.name not in key]
    counts = {name: found[name] for name in columns}
    add_counts(session, table, key=key, counts=counts)


def init_app(app: Flask, database: Database, look: Look) -> None:
    tally = Tally(database, look)
    app.extensions["dva-history"] = tally

    def count(response: Response) -> Response:
        at = now()
        tally.answered(response.status_code, at)
        # Whoever works posts: claims, heartbeats, results. Only looking writes nothing.
        if request.method == "POST" and response.status_code < 400:
            tally.touch(at)
        if tally.is_due(time.monotonic()):
            response.call_on_close(lambda: tally.flush(now(), time.monotonic()))
        return response

    app.after_request(count)
