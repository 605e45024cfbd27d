"""A pool's scores as the workbench looks at them, beside those that `dva scores` writes and Daft
cuts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dva_agent.protocol import Report, pack_scores
from flask import Flask
from sqlalchemy import select

from server.config import Settings
from server.db import Database, now
from server.errors import SelectionError
from server.pools import services as pools
from server.pools.ingest import ingest
from server.results import services as results
from server.results.services import Result
from server.results.standing import Standing
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_tables
from server.selection.scores import write_scores
from server.workbench import line, samples, snapshot
from server.workbench.samples import Sample
from server.workbench.snapshot import Snapshot, uid_of
from tests.server import compacting
from tests.server.api import Api, result_for
from tests.server.auditing import Trial
from tests.server.pool_factory import picture, write_tar


def taken(database: Database, settings: Settings, out: Path, pool: str = "test") -> Snapshot:
    steps: list[tuple[int, int]] = []
    snapshot.take(
        database,
        settings,
        pool=pool,
        out=out,
        at=now(),
        progress=lambda done, total: steps.append((done, total)),
    )
    distinct = list(dict.fromkeys(steps))
    shards = len(distinct) - 1
    assert steps[: shards + 1] == distinct == [(number, shards + 1) for number in range(shards + 1)]
    return snapshot.read(out)


def score_all(api: Api, database: Database) -> None:
    """Every other unit is confirmed. Scores tie, and some pairs have none."""
    while leases := api.lease(8).leases:
        for lease in leases:
            first = int(lease.unit.split("-")[1])
            scores = [(first + number) % 3 / 8 - 0.125 for number in range(len(lease.pairs))]
            statuses = bytes([2] + [0] * (len(scores) - 1))
            api.post_result(
                lease, result_for(lease, scores=pack_scores([0.0, *scores[1:]]), statuses=statuses)
            )
    with database.write() as session:
        for result in session.scalars(select(Result).order_by(Result.id)).all()[::2]:
            results.confirm(result)


def test_it_holds_what_the_score_tables_hold(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    score_all(api, database)
    found = taken(database, settings, tmp_path / "snapshot")
    assert found.facts.shards == ["00000", "00001"]
    assert found.facts.pairs_done == 16
    states: tuple[Standing, ...] = ("all", "confirmed", "pending")
    for state in states:
        out = tmp_path / state
        write_scores(database, settings, pool=pool, out=out, progress=lambda *_: None, state=state)
        table = pq.read_table(out).filter(pa.compute.field("score").is_valid())
        rows = list(zip(table["uid"].to_pylist(), table["score"].to_pylist(), strict=True))
        ranked = list(found.of(state).values())
        assert sorted(rows) == sorted(
            (uid_of(record), float(record["score"]))
            for ranking in ranked
            for record in ranking.records
        )
        cut = Cut(rule="top", value=0.3)
        exact = select_tables(out, cut=cut, out=tmp_path / f"{state}-cut", terms=Terms(state=state))
        seen = line.find(ranked, cut)
        assert (seen.threshold, seen.scored, seen.members) == (
            exact.threshold,
            exact.scored,
            exact.members,
        )


def test_it_is_the_same_of_compacted_shards(
    app: Flask, database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> None:
    """To the byte; and their pairs are shown as before."""
    compacting.take_in(database, settings, bundle_folder, tmp_path / "tars")
    compacting.fill(app, Trial(database, settings), 1)
    before = taken(database, settings, tmp_path / "before")
    shown = pairs(database, settings, before)
    done = compacting.compact(database, settings)
    assert any(each.waits is None for each in done.values())
    after = taken(database, settings, tmp_path / "after")
    for state, ranking in before.by_state.items():
        assert np.array_equal(ranking.records, after.by_state[state].records)
    assert len(before.by_state["confirmed"])
    assert pairs(database, settings, after) == shown


def pairs(database: Database, settings: Settings, found: Snapshot) -> list[Sample]:
    """All of them, with their captions."""
    with database.read() as session:
        pool = pools.get_pool(session, found.facts.pool)
        return [
            sample
            for ranking in found.of("all").values()
            for sample in samples.read(session, settings, pool, found, ranking.records)
        ]


def test_what_is_withheld_is_not_in_it(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    [lease] = api.lease().leases
    api.finish(lease)
    uid = lease.pairs[1].uid
    api.post("/reports", Report(pool=pool, unit=lease.unit, uid=uid, reason="illegal"))
    found = taken(database, settings, tmp_path / "snapshot")
    [ranking] = found.of("pending").values()
    assert {uid_of(record) for record in ranking.records} == {
        pair.uid for pair in lease.pairs if pair.uid != uid
    }


def test_a_pool_without_hex_uids_is_refused_whole(
    app: object,
    api: Api,
    database: Database,
    settings: Settings,
    bundle_folder: Path,
    tmp_path: Path,
) -> None:
    pair = [("0.jpg", picture(0)), ("0.txt", b"a picture"), ("0.json", b'{"uid": "abcd-no-hex"}')]
    write_tar(tmp_path / "odd" / "0.tar", pair)
    ingest(
        database,
        settings,
        pool="odd",
        paths=[tmp_path / "odd"],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    [lease] = api.lease().leases
    api.finish(lease)
    with pytest.raises(SelectionError) as refused:
        taken(database, settings, tmp_path / "out", pool="odd")
    assert refused.value.code == "uid_invalid"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []


def test_a_damaged_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(SelectionError) as refused:
        snapshot.read(tmp_path)
    assert refused.value.code == "snapshot_unreadable"
