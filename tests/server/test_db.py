"""Transactions, times and the schema, on both databases."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import get_args

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from dva_agent.protocol import Rung, pack_scores
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from server import create_app
from server.config import Settings
from server.contributors.models import Device
from server.db import Base, Database, now, update_now
from server.migrations import configuration, migrate
from server.results.models import BrokenPairs, Result
from server.trust import queue
from server.trust.models import Auditor
from server.work.models import Lease
from tests.server.api import Api, result_for
from tests.server.conftest import KINDS, UNITS
from tests.server.rows import device_row

EARLIER = "0003"
"""The step before the operator's pages."""
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def test_whoever_runs_the_suite_is_told_which_databases(request: pytest.FixtureRequest) -> None:
    config = request.config
    told = config.hook.pytest_report_header(config=config, start_path=config.rootpath)
    [line] = [line for line in told if str(line).startswith("databases:")]
    assert ("PostgreSQL" in line and "no PostgreSQL" not in line) == ("postgresql" in KINDS)


@examples(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=TIMES)
def test_times_come_back_as_they_were(database: Database, at: datetime) -> None:
    with database.write() as session:
        session.merge(device_row("one", at))
    with database.read() as session:
        assert session.get_one(Device, "one").created_at == at


def test_what_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(device_row("one", datetime.now(UTC)))
        session.flush()
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(select(Device)).all() == []


def test_what_is_written_at_once_is_known_to_the_session(database: Database) -> None:
    with database.write() as session:
        session.add_all(device_row(name, now()) for name in ("one", "two", "three"))
        session.flush()
        found = [session.get_one(Device, name) for name in ("one", "two")]
        update_now(session, found, agent_version="9", network=None)
        assert not session.dirty
        assert {each.agent_version for each in found} == {"9"}
    with database.read() as session:
        kept = {each.id: each.agent_version for each in session.scalars(select(Device))}
    assert kept == {"one": "9", "two": "9", "three": "1"}


def test_the_migrated_schema_is_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        migrate(database)


def test_every_rung_fits_its_column() -> None:
    """SQLite wouldn't mind, PostgreSQL would."""
    assert max(map(len, get_args(Rung))) <= Result.__table__.c.rung.type.length


def test_only_what_is_named_is_written_per_pair(database: Database) -> None:
    """Nothing per pair, but for those that somebody reported."""
    names = set(inspect(database.engine).get_table_names())
    work = {"contributor", "device", "lease", "pool", "result", "shard", "unit"}
    work |= {"compacted_shard", "bucket", "shard_object"}
    operators = {"admin_account", "admin_session", "sign_in_failure", "admin_log"}
    counts = {"allowance", "broken_pairs", "problem_count", "self_test"}
    findings = {"shard_finding", "host_finding"}
    history = {"history_level", "history_pool", "history_server"}
    reports = {"report", "reported_pair", "takedown"}
    credit = {
        "credit_transfer",
        "credit_posting",
        "credit_balance",
        "credit_epoch",
        "credit_epoch_line",
    }
    trust = {"audit", "auditor", "trust_record", "trust_quarantine", "trust_decision"}
    copies = {"ballot", "voter", "replication_record", "stopped_bundle"}
    copies |= {"contradicted_unit"}
    known = {*work, *findings, *operators, *counts, *history, *reports, *credit, *trust, *copies}
    workbench = {"selection", "workbench_job"}
    assert names == {"alembic_version", *known, *workbench}


def test_many_processes_may_migrate_at_once(database: Database) -> None:
    with database.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(text(f"DROP TABLE {table.name}"))
        session.execute(text("DROP TABLE alembic_version"))
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(migrate, database) for _ in range(4)]:
            done.result()
    with database.read() as session:
        assert session.scalars(select(Device)).all() == []


def test_the_database_itself_refuses_a_second_claim_or_result(
    api: Api, pool: str, database: Database
) -> None:
    first, second = api.lease(2).leases
    with pytest.raises(IntegrityError), database.write() as session:
        one, two = session.get_one(Lease, first.lease), session.get_one(Lease, second.lease)
        two.unit_id = one.unit_id
    api.finish(first)
    with database.read() as session:
        stored = session.scalars(select(Result)).one()
    with pytest.raises(IntegrityError), database.write() as session:
        names = set(Result.__table__.columns.keys()) - {"id"}
        fields = {name: getattr(stored, name) for name in names}
        session.add(Result(**{**fields, "lease_id": second.lease}))


def test_devices_that_claim_at_once_get_different_units(app: Flask, pool: str) -> None:
    start = threading.Barrier(4)

    def work() -> list[str]:
        api = Api(app)
        start.wait()
        units: list[str] = []
        while True:
            answer = api.lease()
            if answer.idle and answer.idle.reason == "drained":
                return units
            units += [api.finish(lease).unit for lease in answer.leases]

    with ThreadPoolExecutor(4) as threads:
        found = [done.result() for done in [threads.submit(work) for _ in range(4)]]
    units = [unit for part in found for unit in part]
    assert len(units) == len(set(units)) == UNITS


def test_one_device_cant_get_past_its_share_by_asking_twice_at_once(
    settings: Settings, pool: str, database: Database
) -> None:
    app = create_app(dataclasses.replace(settings, leases_per_device=2), database)
    api = Api(app)
    start = threading.Barrier(4)

    def claim() -> int:
        other = api.twin(app)
        start.wait()
        return len(other.lease(2).leases)

    with ThreadPoolExecutor(4) as threads:
        taken = [done.result() for done in [threads.submit(claim) for _ in range(4)]]
    assert sum(taken) == 2


def test_a_request_that_comes_twice_at_once_is_granted_once(app: Flask, pool: str) -> None:
    api = Api(app)
    start = threading.Barrier(4)

    def claim() -> set[str]:
        other = api.twin(app)
        start.wait()
        return {lease.lease for lease in other.lease(2, request="c" * 32).leases}

    with ThreadPoolExecutor(4) as threads:
        taken = [done.result() for done in [threads.submit(claim) for _ in range(4)]]
    assert len(taken[0]) == 2
    assert all(leases == taken[0] for leases in taken)
    assert api.status().pools[0].units_leased == 2


def test_what_was_there_before_the_operators_pages_is_counted(
    api: Api, pool: str, database: Database
) -> None:
    """The step is undone and done again, over a result with broken pairs."""
    lease = api.lease().leases[0]
    size = len(lease.pairs)
    statuses = bytes([2, 2, 6] + [0] * (size - 3))
    scores = pack_scores([0.0] * size)
    api.post_result(lease, result_for(lease, statuses=statuses, scores=scores))
    before = broken(database)
    assert before == {2: 2, 6: 1}
    with database.reshape() as connection:
        command.downgrade(configuration(connection), EARLIER)
    migrate(database)
    assert broken(database) == before
    with database.read() as session:
        [row] = session.scalars(select(Device)).all()
    assert row.last_seen_at == row.created_at


def broken(database: Database) -> dict[int, int]:
    with database.read() as session:
        return {row.status: row.pairs for row in session.scalars(select(BrokenPairs))}


def test_an_auditor_may_live_for_years(database: Database) -> None:
    """The step that made room for that is undone and done again over its counts."""
    long = 2**31 + 5
    for _ in range(2):
        with database.write() as session:
            queue.report(session, "one", now(), now(), pairs=long, busy_ms=long)
    with database.read() as session:
        auditor = session.get_one(Auditor, "one")
        assert (auditor.pairs, auditor.busy_ms) == (2 * long, 2 * long)
    with database.reshape() as connection:
        command.downgrade(configuration(connection), "0035")
    migrate(database)
    with database.read() as session:
        assert session.get_one(Auditor, "one").busy_ms == 2**31 - 1
