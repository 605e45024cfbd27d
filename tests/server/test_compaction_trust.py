"""What is found later brings compacted results back, and nobody is blamed by what went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from server.compaction import services
from server.config import Settings
from server.contributors import services as contributors
from server.credit import services as credit
from server.db import Database, now
from server.pools.models import Shard, Unit
from server.results import compacted
from server.results.models import Result
from server.trust import looking
from server.trust.models import Audit, Record
from server.work.models import Lease as LeaseRow
from tests.server.auditing import FAILED, Trial
from tests.server.compacting import (
    compact,
    fill,
    rows,
    seen,
    take_in,
)


@pytest.fixture
def pool(database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path) -> str:
    return take_in(database, settings, bundle_folder, tmp_path / "tars")


@pytest.fixture
def trial(database: Database, settings: Settings) -> Trial:
    return Trial(database, settings)


def test_a_later_finding_takes_what_was_compacted_back(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    fill(app, trial, 4)
    with database.write() as session:
        # As past probation: there are pairs that nobody has looked at.
        session.execute(update(Audit).values(positions=bytes(2)))
    done = compact(database, settings)
    shard = next(name for name, each in done.items() if each.waits is None).partition("/")[2]
    services.bring_back(database, settings, trial.court.secret, pool=pool, shard=shard, at=now())
    with database.read() as session:
        [found] = session.scalars(select(Shard).where(Shard.name == shard))
        results = [result.id for _, result in compacted.confirmed_of(session, found.id)]
        audited = set(
            session.scalars(
                select(Audit.result_id).where(Audit.result_id.in_(results), Audit.kind == "recheck")
            )
        )
    assert audited
    trial.end_all(lambda result, audit: FAILED)
    with database.read() as session:
        states = set(session.scalars(select(Result.state).where(Result.id.in_(audited))))
        assert states == {"revoked"}
        again = session.get_one(Shard, found.id)
        assert again.units_done < again.units
        assert session.scalars(select(Record).where(Record.failed > 0)).all()


def test_what_was_rechecked_before_is_looked_at_once_more(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    fill(app, trial, 4)
    with database.write() as session:
        session.execute(update(Audit).values(positions=bytes(2), kind="recheck"))
    done = compact(database, settings)
    shard = next(name for name, each in done.items() if each.waits is None).partition("/")[2]
    services.bring_back(database, settings, trial.court.secret, pool=pool, shard=shard, at=now())
    with database.read() as session:
        [found] = session.scalars(select(Shard).where(Shard.name == shard))
        results = {result.id for _, result in compacted.confirmed_of(session, found.id)}
        opened = session.scalars(select(Audit.result_id).where(Audit.state == "open")).all()
    assert results
    assert set(opened) == results


def test_those_that_bore_a_result_out_go_and_come_with_it(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    people = fill(app, trial, 14)
    with database.write() as session:
        session.execute(update(Result).values(policy="replication"))
        for result in session.scalars(select(Result).where(Result.state == "confirmed")):
            lease = session.get_one(LeaseRow, result.lease_id)
            name = lease.id[::-1]
            session.add(copied(lease, id=name, copy=1))
            session.flush()
            second = copied(result, id=result.id + 1000, lease_id=name, copy=1)
            session.add(second)
            own = contributors.contributor_of(session, result.device_id)
            unit = session.get_one(Unit, result.unit_id)
            credit.confirm(session, own, [credit.earned(settings, second, unit)], now())
    before = seen(database, settings, pool, people, tmp_path / "before")
    count = rows(database)
    went = [each for each in compact(database, settings).values() if each.waits is None]
    assert went
    assert count["result"] - rows(database)["result"] == sum(each.results for each in went)
    assert seen(database, settings, pool, people, tmp_path / "after") == before
    for each in went:
        name = each.shard.partition("/")[2]
        services.bring_back(database, settings, trial.court.secret, pool=pool, shard=name, at=now())
    assert rows(database) == count, "audits don't decide about these, so none is drawn"


def copied(row: Any, **changes: object) -> Any:
    """Another row with the same values, but for these."""
    names = row.__table__.columns.keys()
    return type(row)(**{**{name: getattr(row, name) for name in names}, **changes})


def test_who_failed_isnt_held_against_a_kind_whose_others_are_compacted(
    app: Flask, trial: Trial, pool: str, database: Database, settings: Settings
) -> None:
    """Failed audits stay, passed ones go: only those after the last of the latter are evidence."""
    fill(app, trial, 13)
    with database.read() as session:
        before = looking.evidence(session)
    assert sum(each.failed for each in before) == 1
    compact(database, settings)
    with database.read() as session:
        after = looking.evidence(session)
        last = compacted.last_audit(session)
        left = session.scalars(select(Audit.id).where(Audit.id > last)).all()
    assert last
    assert sum(each.failed for each in after) == 0
    assert sum(each.passed for each in after) == len(left)
