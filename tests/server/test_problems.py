"""The count of problems: nothing lost, few writes, nothing kept for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dva_agent.protocol import ROOT
from flask import Flask
from sqlalchemy import select

from server.db import Database, now
from server.problems.models import ProblemCount
from server.problems.services import FLUSH_EVERY_S, KEPT, Tally, by_code
from tests.server.api import Api

AT = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)


def stored(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {row.code: row.answers for row in session.scalars(select(ProblemCount))}


def test_a_problem_is_counted_when_it_is_answered(api: Api, database: Database) -> None:
    assert api.get(ROOT + "/nothing").status_code == 404
    assert stored(database) == {"not_found": 1}
    assert api.status()
    assert stored(database) == {"not_found": 1}


def test_a_flood_is_written_now_and_then(api: Api, app: Flask, database: Database) -> None:
    for _ in range(20):
        api.get(ROOT + "/nothing")
    assert stored(database) == {"not_found": 1}
    app.extensions["dva-problems"].flush_now(now())
    assert stored(database) == {"not_found": 20}


def test_workers_add_up(database: Database) -> None:
    tallies = [Tally(database), Tally(database)]
    for tally in tallies:
        tally.add("busy", AT)
        tally.flush(AT, 0.0)
        tally.flush_now(AT)
    assert stored(database) == {"busy": 2}


def test_when_it_is_due(database: Database) -> None:
    tally = Tally(database)
    assert not tally.is_due(0.0)
    tally.add("busy", AT)
    assert tally.is_due(0.0)
    tally.flush(AT, 0.0)
    tally.add("busy", AT)
    assert not tally.is_due(FLUSH_EVERY_S / 2)
    assert tally.is_due(FLUSH_EVERY_S)


def test_what_cant_be_written_waits(database: Database) -> None:
    tally = Tally(database)
    tally.add("busy", AT)
    ProblemCount.__table__.drop(database.engine)  # type: ignore[attr-defined]
    tally.flush(AT, 0.0)
    ProblemCount.__table__.create(database.engine)  # type: ignore[attr-defined]
    tally.flush(AT, 0.0)
    assert stored(database) == {"busy": 1}


def test_hours_days_and_the_end(database: Database) -> None:
    tally = Tally(database)
    ages = [timedelta(0), timedelta(hours=1), timedelta(hours=23), timedelta(hours=24), KEPT]
    for age in ages:
        tally.add("busy", AT - age)
    tally.flush(AT, 0.0)
    with database.read() as session:
        [count] = by_code(session, AT)
    assert (count.hour, count.day, count.week) == (1, 3, 4)
    tally.flush(AT + KEPT + timedelta(hours=1), 0.0)
    assert stored(database) == {}
