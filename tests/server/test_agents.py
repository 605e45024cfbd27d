"""Pools of other agents than DVA: taken in, handed out, checked against their columns, written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dva_agent.discovery import AGENTS
from dva_agent.packed import pack
from dva_agent.protocol import (
    Accepted,
    Lease,
    LeaseRequest,
    Leases,
    PairStatus,
    Report,
    Result,
    pack_scores,
)

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools.ingest import Ingested, ingest
from server.selection.grade import graded
from server.selection.scores import write_scores
from tests.server.api import Api, problem, result_for

AGENT = "caption-statistics"
COLUMNS = AGENTS[AGENT].columns
ROW = [0.5, 11.0, 3.0, 5.0, 10.0]
NOTHING = [0.0] * len(ROW)


def take_in(
    database: Database, settings: Settings, folder: Path, bundle: Path, **more: Any
) -> Ingested:
    return ingest(
        database,
        settings,
        pool="test",
        paths=[folder],
        bundle=bundle,
        progress=lambda done, total: None,
        **more,
    )


@pytest.fixture
def counted(database: Database, settings: Settings, pool_folder: Path, bundle_folder: Path) -> str:
    """The name of a pool of AGENT."""
    return take_in(database, settings, pool_folder, bundle_folder, agent=AGENT).pool


def leased(api: Api) -> Lease:
    request = LeaseRequest(agents=sorted(AGENTS))
    [lease] = api.ok(api.post("/leases", request), Leases).leases
    return lease


def result(lease: Lease, rows: list[list[float]], statuses: bytes = bytes(4)) -> Result:
    scores = pack_scores([value for row in rows for value in row])
    return result_for(lease, rung="python", scores=scores, statuses=statuses)


def test_a_pool_keeps_its_agent(
    database: Database, settings: Settings, pool_folder: Path, bundle_folder: Path, counted: str
) -> None:
    assert take_in(database, settings, pool_folder, bundle_folder).agent == AGENT
    with pytest.raises(PoolError) as caught:
        take_in(database, settings, pool_folder, bundle_folder, agent="dva")
    assert caught.value.code == "pool_agent_differs"


def test_an_agent_that_is_not_here(
    database: Database, settings: Settings, pool_folder: Path, bundle_folder: Path
) -> None:
    with pytest.raises(PoolError) as caught:
        take_in(database, settings, pool_folder, bundle_folder, agent="alchemy")
    assert caught.value.code == "agent_unknown"
    assert AGENT in caught.value.next_step
    assert not settings.bundles.exists()


def test_what_the_server_says_of_it(api: Api, counted: str) -> None:
    [pool] = api.status().pools
    assert (pool.agent, pool.needs) == (AGENT, ["captions"])
    assert tuple(pool.columns) == COLUMNS
    assert leased(api).agent == AGENT


def test_captions_without_their_pictures(api: Api, counted: str) -> None:
    lease = leased(api)
    assert lease.captions_url
    answer = api.get(lease.captions_url)
    texts = [f"picture {number}".encode() for number in range(4)]
    assert answer.data == pack(list(texts))
    assert answer.cache_control.no_store
    shard = api.get(lease.shard_url).data
    for pair, text in zip(lease.pairs, texts, strict=True):
        assert pair.caption
        assert shard[pair.caption.start :][: pair.caption.size] == text


def test_what_is_withheld_is_not_among_them(api: Api, counted: str) -> None:
    lease = leased(api)
    report = Report(pool=lease.pool, unit=lease.unit, uid=lease.pairs[1].uid, reason="other")
    assert api.post("/reports", report).status_code == 200
    assert lease.captions_url
    kept = [f"picture {number}".encode() for number in range(4)]
    assert api.get(lease.captions_url).data == pack([kept[0], None, *kept[2:]])


@pytest.mark.parametrize("unit", ["u1-99", "u99-0", "u1", "u1-0x", "u0-0"])
def test_units_that_are_not_there(api: Api, counted: str, unit: str) -> None:
    problem(api.get(f"/api/v1/pools/test/units/{unit}/captions"), 404, "not_found")
    problem(api.get("/api/v1/pools/other/units/u1-0/captions"), 404, "not_found")


def test_pictures_are_for_agents_that_need_them(api: Api, pool: str) -> None:
    assert api.lease().leases[0].captions_url is None


REFUSED = {
    "one number a pair": ("score_count_wrong", [ROW[:1]] * 4),
    "one row short": ("score_count_wrong", [ROW] * 3),
    "a share of more than all": ("score_out_of_range", [ROW, ROW, [1.5, *ROW[1:]], ROW]),
    "half a language": ("score_out_of_range", [ROW, [*ROW[:4], 0.5], ROW, ROW]),
    "a language too many": (
        "score_out_of_range",
        [[*ROW[:4], COLUMNS[4].maximum + 1], ROW, ROW, ROW],
    ),
    "no number": ("score_not_finite", [ROW, ROW, ROW, [*ROW[:4], float("nan")]]),
}


@pytest.mark.parametrize("why", REFUSED)
def test_results_are_checked_by_its_columns(api: Api, counted: str, why: str) -> None:
    code, rows = REFUSED[why]
    lease = leased(api)
    problem(api.post_result(lease, result(lease, rows)), 422, code)
    api.ok(api.post_result(lease, result(lease, [ROW] * 4)), Accepted)


def test_a_number_beside_a_status(api: Api, counted: str) -> None:
    lease = leased(api)
    statuses = bytes([0, PairStatus.CAPTION_EMPTY, 0, 0])
    posted = result(lease, [ROW, [0.0, 1.0, 0.0, 0.0, 0.0], ROW, ROW], statuses)
    problem(api.post_result(lease, posted), 422, "score_unexpected")


def test_the_table_has_its_columns(
    api: Api, counted: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    lease = leased(api)
    statuses = bytes([0, PairStatus.CAPTION_EMPTY, 0, 0])
    api.post_result(lease, result(lease, [ROW, NOTHING, ROW, ROW], statuses))
    done = write_scores(
        database, settings, pool="test", out=tmp_path, progress=lambda done, total: None
    )
    assert (done.pairs, done.scored) == (4, 3)
    table = pq.read_table(tmp_path / "00000.parquet")
    kinds = {field.name: field.type for field in table.schema}
    assert [kinds[column.name] for column in COLUMNS] == [pa.float32()] * 4 + [pa.string()]
    first, empty = table.select([column.name for column in COLUMNS]).to_pylist()[:2]
    assert first == dict(
        zip([c.name for c in COLUMNS], [*ROW[:4], COLUMNS[4].labels[10]], strict=True)
    )
    assert set(empty.values()) == {None}


def test_there_is_nothing_to_grade(counted: str, database: Database, settings: Settings) -> None:
    with pytest.raises(PoolError) as caught:
        graded(database, settings, pool="test")
    assert caught.value.code == "nothing_to_grade"
