"""What becomes of a result: confirmed or rejected, and what that means for its unit."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from dva_agent.protocol import pack_scores
from sqlalchemy import select

from server.config import Settings
from server.db import Database
from server.pools import services as pools
from server.results import services as results
from server.results.services import Result
from server.results.standing import Standing
from server.selection.scores import write_scores
from tests.server.api import Api, result_for


def units(database: Database, settings: Settings, out: Path, state: Standing) -> set[str]:
    write_scores(
        database, settings, pool="test", out=out, progress=lambda done, total: None, state=state
    )
    return set(pq.read_table(out)["unit"].to_pylist())


def stored(database: Database) -> list[Result]:
    with database.read() as session:
        return list(session.scalars(select(Result).order_by(Result.id)))


def test_score_tables_hold_what_is_asked_for(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    confirmed, waiting, rejected = (api.finish(lease).unit for lease in api.lease(3).leases)
    ids = [result.id for result in stored(database)]
    with database.write() as session:
        results.confirm(session.get_one(Result, ids[0]))
        results.reject(session, session.get_one(Result, ids[2]))
    assert units(database, settings, tmp_path / "all", "all") == {confirmed, waiting}
    assert units(database, settings, tmp_path / "confirmed", "confirmed") == {confirmed}
    assert units(database, settings, tmp_path / "pending", "pending") == {waiting}
    assert rejected not in {confirmed, waiting}


def test_a_rejected_result_is_kept_and_its_unit_is_done_again(
    api: Api, pool: str, database: Database
) -> None:
    """With what it counted: pairs, units, broken pairs."""
    before = api.status().pools[0]
    [lease] = api.lease().leases
    statuses = bytes([2] + [0] * (len(lease.pairs) - 1))
    scores = pack_scores([0.0] * len(lease.pairs))
    api.post_result(lease, result_for(lease, statuses=statuses, scores=scores))
    with database.write() as session:
        first = session.scalars(select(Result)).one()
        results.reject(session, first)
        results.reject(session, first)
    assert api.status().pools[0] == before
    with database.read() as session:
        found = pools.get_pool(session, "test")
        assert results.broken_pairs(session, found) == {}
    again = api.lease(8).leases
    [same] = [each for each in again if each.unit == lease.unit]
    api.finish(same)
    states = [(result.lease_id, result.state) for result in stored(database)]
    assert states == [(lease.lease, "rejected"), (same.lease, "pending")]


def test_what_was_confirmed_may_be_revoked(api: Api, pool: str, database: Database) -> None:
    [lease] = api.lease().leases
    api.finish(lease)
    with database.write() as session:
        result = session.scalars(select(Result)).one()
        results.confirm(result)
        results.reject(session, result)
    assert [result.state for result in stored(database)] == ["revoked"]
    assert api.status().pools[0].units_done == 0
