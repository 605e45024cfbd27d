"""What was done and how things stood: nothing lost or counted twice, few rows, old ones go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
from dva_agent.protocol import ROOT
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.config import Settings
from server.db import Database, now
from server.history import services as history
from server.history.models import Level, PoolCount, ServerCount
from server.history.periods import HOUR, MINUTE, PERIODS, fitting
from server.history.services import Levels, Series, Sums, series, sums
from server.history.tally import FLUSH_EVERY_S, Tally, drop_old
from server.problems.services import by_code
from server.trust import policy
from tests.server.api import Api
from tests.server.auditing import Trial
from tests.server.process import Server

AT = datetime(2026, 1, 2, 12, 30, 10, tzinfo=UTC)
POOL = 7


def still(_session: Session, _at: datetime) -> Levels:
    return Levels(leases=3, backlog_pairs=40, devices=2, contributors=1)


def of_last_hour(database: Database, at: datetime) -> Series:
    with database.read() as session:
        return series(session, period=MINUTE, since=at - timedelta(hours=1), until=at)


def flushed(app: Flask) -> None:
    tally = app.extensions["dva-history"]
    assert isinstance(tally, Tally)
    tally.flush_now(now())


def total(database: Database) -> Sums:
    with database.read() as session:
        every = [sums(session, period=period) for period in PERIODS]
    by_minute, by_hour = (Sums.of(found.values()) for found in every)
    assert [getattr(by_minute, name) for name in history.COUNTED] == [
        getattr(by_hour, name) for name in history.COUNTED
    ]
    return by_minute


def test_what_is_handed_out_and_comes_back(
    app: Flask, api: Api, database: Database, pool: str
) -> None:
    first, second = api.lease(2).leases
    api.finish(first, more=1)
    api.get(ROOT + "/nothing")
    flushed(app)
    found = total(database)
    assert (found.leases, found.results, found.pairs) == (3, 1, len(first.pairs))
    assert found.bytes >= first.span.size + second.span.size
    last = of_last_hour(database, now() + MINUTE.length)
    assert sum(last.results) == 1
    assert sum(last.refused) >= 1
    assert not any(last.failed)
    assert 3 >= max(filter(None, last.leases)) >= 1
    assert set(last.devices) == {None, 1}
    assert set(last.contributors) == {None, 1}


def test_what_is_repeated_counts_once(app: Flask, api: Api, database: Database, pool: str) -> None:
    lease = api.lease(request="0" * 32).leases[0]
    assert api.lease(request="0" * 32).leases[0].lease == lease.lease
    for _ in range(2):
        api.finish(lease)
    flushed(app)
    found = total(database)
    assert (found.leases, found.bytes) == (1, lease.span.size)
    assert (found.results, found.pairs) == (1, len(lease.pairs))


def test_only_who_works_causes_a_write(app: Flask, api: Api, database: Database) -> None:
    flushed(app)

    def rows() -> int:
        with database.read() as session:
            tables = (Level, PoolCount, ServerCount)
            return sum(
                session.scalar(select(func.count()).select_from(table)) or 0 for table in tables
            )

    with database.write() as session:
        for table in (Level, PoolCount, ServerCount):
            session.query(table).delete()
    for _ in range(3):
        api.status()
        api.get("/")
    flushed(app)
    assert rows() == 0


def test_models_are_counted_as_they_are_sent(
    app: Flask, api: Api, database: Database, pool: str
) -> None:
    before = api.lease().leases[0]
    flushed(app)
    with database.read() as session:
        known = history.model_bytes(session)
    assert known > 0  # The self-test's golden pairs.
    whole = api.get(before.bundle_url + "manifest.json")
    part = api.get(before.bundle_url + "manifest.json", range="bytes=0-9")
    assert part.status_code == 206
    same = api.get(before.bundle_url + "manifest.json", if_none_match=whole.headers["ETag"])
    assert same.status_code == 304
    flushed(app)
    with database.read() as session:
        assert history.model_bytes(session) == known + len(whole.data) + 10


def test_draws_are_counted_by_standing(
    api: Api, database: Database, settings: Settings, pool: str
) -> None:
    pairs = 0
    for lease in api.lease(2).leases:
        api.finish(lease)
        pairs += len(lease.pairs)
    Trial(database, settings).draw()
    found = total(database)
    assert (found.new_pairs, found.known_pairs, found.known_drawn) == (pairs, 0, 0)
    assert found.new_drawn == pairs <= policy.PROBATION_PAIRS * 2


def test_workers_add_up(database: Database) -> None:
    for tally in (Tally(database, still), Tally(database, still)):
        tally.came(POOL, pairs=4, again=False, at=AT)
        tally.came(POOL, pairs=2, again=True, at=AT + timedelta(hours=1))
        tally.touch(AT)
        tally.flush(AT, 0.0)
        tally.flush_now(AT)
    found = total(database)
    assert (found.results, found.pairs, found.again_pairs) == (4, 12, 4)
    assert found.first == MINUTE.start(AT)
    counted = of_last_hour(database, AT)
    assert (counted.results[-1], counted.pairs[-1], counted.leases[-1]) == (2, 8, 3)
    assert counted.pairs_per_s(AT)[-1] == 8 / 15
    assert counted.pairs_per_s(AT + MINUTE.length)[-1] == 8 / 60
    assert counted.leases[:-1] == [None] * (len(counted.starts) - 1)


def test_real_workers_add_up_and_write_when_they_are_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Server(Settings(data=data, workers=2))
    for _ in range(30):
        # A connection of its own each: either worker may take it.
        assert httpx.get(server.url + ROOT + "/nothing").status_code == 404
    code, errors = server.stop()
    assert (code, "Traceback" in errors) == (0, False)
    store = Database(Settings(data=data).database_url)
    with store.read() as session:
        at = now() + timedelta(seconds=1)
        found = series(session, period=HOUR, since=at - timedelta(hours=1), until=at)
        [problems] = by_code(session, at)
    store.close()
    assert sum(found.refused) == problems.day == 30


def test_when_it_is_due(database: Database) -> None:
    tally = Tally(database, still)
    assert not tally.is_due(0.0)
    tally.answered(200, AT)
    assert not tally.is_due(0.0)
    tally.answered(503, AT)
    assert tally.is_due(0.0)
    tally.flush(AT, 0.0)
    tally.answered(404, AT)
    assert not tally.is_due(FLUSH_EVERY_S / 2)
    assert tally.is_due(FLUSH_EVERY_S)
    tally.flush(AT, FLUSH_EVERY_S)
    counted = of_last_hour(database, AT)
    assert (counted.failed[-1], counted.refused[-1], counted.devices[-1]) == (1, 1, None)


def test_what_cant_be_written_waits(database: Database) -> None:
    tally = Tally(database, still)
    tally.handed_out(POOL, leases=1, size=100, at=AT)
    tally.touch(AT)
    PoolCount.__table__.drop(database.engine)  # type: ignore[attr-defined]
    tally.flush(AT, 0.0)
    PoolCount.__table__.create(database.engine)  # type: ignore[attr-defined]
    tally.flush(AT, 0.0)
    assert total(database).bytes == 100
    assert of_last_hour(database, AT).devices[-1] == 2


def test_old_rows_go(database: Database) -> None:
    tally = Tally(database, still)
    for age in (timedelta(0), MINUTE.kept + MINUTE.length, HOUR.kept + HOUR.length):
        tally.came(POOL, pairs=1, again=False, at=AT - age)
        tally.answered(404, AT - age)
    tally.flush(AT, 0.0)
    with database.write() as session:
        drop_old(session, AT)
    with database.read() as session:
        for period, kept in ((MINUTE, 1), (HOUR, 2)):
            for table in (PoolCount, ServerCount):
                rows = select(func.count()).where(table.period_s == period.seconds)
                assert session.scalar(rows) == kept


def test_pools_apart_and_together(database: Database) -> None:
    tally = Tally(database, still)
    tally.came(1, pairs=10, again=False, at=AT)
    tally.came(2, pairs=5, again=False, at=AT)
    tally.flush(AT, 0.0)
    span = {"period": HOUR, "since": AT, "until": AT + timedelta(seconds=1)}
    with database.read() as session:
        assert series(session, **span).pairs == [15]  # type: ignore[arg-type]
        assert series(session, **span, pools=[2]).pairs == [5]  # type: ignore[arg-type]
        assert {pool: each.pairs for pool, each in sums(session, period=HOUR).items()} == {
            1: 10,
            2: 5,
        }
        assert sums(session, period=HOUR, since=AT + HOUR.length) == {}
    assert Sums.of([]) == Sums()


@given(
    since=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    minutes=st.floats(0, 600),
    period=st.sampled_from(PERIODS),
)
def test_periods_cover_a_span_and_no_more(
    since: datetime, minutes: float, period: history.Period
) -> None:
    since = since.replace(tzinfo=UTC)
    until = since + timedelta(minutes=minutes)
    starts = period.starts(since, until)
    if since == until:
        assert not starts or starts == [period.start(since)]
        return
    assert starts[0] <= since < starts[0] + period.length
    assert starts[-1] < until <= starts[-1] + period.length
    assert {after - before for before, after in pairwise(starts)} <= {period.length}


def test_long_spans_are_drawn_by_the_hour() -> None:
    assert fitting(timedelta(hours=6)) is MINUTE
    assert fitting(timedelta(days=1)) is HOUR
