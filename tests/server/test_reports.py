"""A reported pair is gone from every lease, whatever state it is met in, on both databases."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from dva_agent.protocol import (
    Accepted,
    Lease,
    PairStatus,
    Report,
    Reported,
    Result,
    pack_scores,
    unpack_scores,
)
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from server import create_app
from server.config import Settings
from server.db import Database, now
from server.pools.services import truth_path
from server.reports import models, services
from server.results.models import Result as StoredResult
from server.selection.grade import graded
from tests.server.api import Api, problem, result_for
from tests.server.command import Dva
from tests.server.pool_factory import uid
from tests.server.truth import write_truth


def post(api: Api, lease: Lease, index: int, **changes: Any) -> TestResponse:
    fields = {
        "pool": lease.pool,
        "unit": lease.unit,
        "uid": lease.pairs[index].uid,
        "reason": "sexual",
        **changes,
    }
    return api.post("/reports", Report(**fields))


def report(api: Api, lease: Lease, index: int, **changes: Any) -> Reported:
    return api.ok(post(api, lease, index, **changes), Reported)


def count(database: Database, table: type[models.Report] | type[models.ReportedPair]) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_reported_pair_is_gone_from_all_leases(app: Flask, api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    told = report(api, lease, 2)
    assert (told.pool, told.unit, told.uid) == (pool, lease.unit, lease.pairs[2].uid)
    assert told.state == "withheld"
    api.post(f"/leases/{lease.lease}/abandon")
    other = Api(app)
    leases = other.lease(8).leases
    again = next(each for each in leases if each.unit == lease.unit)
    hidden = again.pairs[2]
    assert (hidden.withheld, hidden.image, hidden.caption) == (True, None, None)
    assert hidden.uid == lease.pairs[2].uid
    assert [pair for pair in again.pairs if not pair.withheld] == [
        pair for index, pair in enumerate(lease.pairs) if index != 2
    ]
    for each in leases:
        assert each is again or not any(pair.withheld for pair in each.pairs)


def test_the_leases_that_a_result_brings_hide_it_too(app: Flask, api: Api, pool: str) -> None:
    first, second = api.lease(2).leases
    report(api, second, 0)
    api.post(f"/leases/{second.lease}/abandon")
    brought = api.finish(first, more=1).next
    assert brought
    assert brought.leases[0].unit == second.unit
    assert [pair.withheld for pair in brought.leases[0].pairs] == [True, False, False, False]


def test_running_leases_store_it_as_withheld(
    app: Flask, api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    report(Api(app), lease, 1)
    result = result_for(lease)
    accepted = api.ok(api.post_result(lease, result), Accepted)
    assert accepted.pairs_scored == 3
    assert api.ok(api.post_result(lease, result), Accepted) == accepted
    with database.read() as session:
        stored = session.scalars(select(StoredResult)).one()
    expected = unpack_scores(result.scores)
    expected[1] = 0.0
    assert unpack_scores(stored.scores) == expected
    assert stored.statuses == bytes([0, PairStatus.WITHHELD, 0, 0])
    other = result_for(lease, scores=pack_scores([0.5] * 4))
    problem(api.post_result(lease, other), 409, "result_conflict")


def test_a_repeated_report_changes_nothing(
    app: Flask, api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    first = report(api, lease, 0)
    assert report(api, lease, 0, reason="other") == first
    assert report(Api(app), lease, 0, reason="hate") == first
    with database.read() as session:
        [listed] = services.listed(session, pool=pool, states=["withheld"])
    assert listed.reasons == {"sexual": 1, "hate": 1}
    assert (listed.shard, listed.unit, listed.uid) == ("00000", lease.unit, first.uid)


def test_a_device_reports_only_so_much_a_day(
    settings: Settings, database: Database, pool: str
) -> None:
    app = create_app(dataclasses.replace(settings, reports_per_day=2), database)
    api = Api(app)
    lease = api.lease().leases[0]
    report(api, lease, 0)
    report(api, lease, 1)
    told = problem(post(api, lease, 2), 429, "rate_limited")
    assert told.retry_after_s
    assert 86_000 < told.retry_after_s <= 86_400
    assert count(database, models.ReportedPair) == 2
    report(api, lease, 0)
    report(Api(app), lease, 2)
    with database.write() as session:
        first = session.scalars(select(models.Report.id).order_by(models.Report.id)).first()
        session.execute(
            update(models.Report)
            .where(models.Report.id == first)
            .values(reported_at=now() - timedelta(days=1))
        )
    report(api, lease, 3)
    problem(post(api, lease, 2), 429, "rate_limited")


def test_a_server_may_take_no_reports(settings: Settings, database: Database, pool: str) -> None:
    api = Api(create_app(dataclasses.replace(settings, reports_per_day=0), database))
    problem(post(api, api.lease().leases[0], 0), 429, "rate_limited")


def test_only_a_pair_of_a_pool_can_be_reported(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    for change in (
        {"pool": "nowhere"},
        {"unit": "u999-0"},
        {"unit": "u999999999999999999-999999999"},
        {"uid": "nothing"},
        {"uid": "\0"},
        {"uid": uid(15)},
    ):
        problem(post(api, lease, 0, **change), 404, "pair_unknown")
    for change in (
        {"unit": "x"},
        {"unit": "u1-0\n"},
        {"unit": f"u{9**30}-0"},
        {"reason": "boring"},
        {"uid": ""},
        {"uid": "x" * 65},
        {"pool": "../x"},
    ):
        problem(post(api, lease, 0, **change), 400, "message_invalid")
    message = Report(pool=pool, unit=lease.unit, uid=lease.pairs[0].uid, reason="other")
    problem(api.post("/reports", message, token=None), 401, "not_signed_in")
    assert count(database, models.ReportedPair) == count(database, models.Report) == 0


def test_only_what_was_reported_may_be_called_withheld(
    api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    report(api, lease, 3)
    dodged = result_for(lease, statuses=bytes([0, 8, 0, 8]), scores=pack_scores([0.25, 0, 0.25, 0]))
    problem(api.post_result(lease, dodged), 422, "withheld_unexpected")
    assert api.status().pools[0].units_leased == 1
    honest = result_for(lease, statuses=bytes([0, 0, 0, 8]), scores=pack_scores([0.25, 0, 0.25, 0]))
    with database.write() as session:
        [pair] = services.listed(session, pool=None, states=["withheld"])
        services.decide(session, [pair.id], "restored", now())
    assert api.ok(api.post_result(lease, honest), Accepted).pairs_scored == 3


def test_scores_and_grades_leave_it_out(
    dva: Dva, api: Api, pool: str, settings: Settings, database: Database, tmp_path: Path
) -> None:
    write_truth(truth_path(settings, pool), {uid(number): "true" for number in range(16)})
    leases = api.lease(8).leases
    report(api, leases[0], 0)
    for lease in leases:
        api.finish(lease)
    report(api, leases[1], 2)
    gone = {leases[0].pairs[0].uid, leases[1].pairs[2].uid}
    everything = {uid(number) for number in range(16)}
    out = tmp_path / "out"

    done = dva(settings, "scores", "test", "--out", str(out))
    assert done.out.startswith("14 of 16 pairs (14 with a score)")
    assert "2 pairs are left out" in done.err
    assert set(pq.read_table(out)["uid"].to_pylist()) == everything - gone
    assert len(graded(database, settings, pool=pool).scores) == 14

    assert dva(settings, "reports", "restore", "1", "2").status == 0
    done = dva(settings, "scores", "test", "--out", str(out))
    assert done.out.startswith("16 of 16 pairs (15 with a score)")
    assert done.err.count("left out") == 0
    table = pq.read_table(out)
    rows = dict(zip(table["uid"].to_pylist(), table["status"].to_pylist(), strict=True))
    assert rows[leases[0].pairs[0].uid] == "withheld"
    assert rows[leases[1].pairs[2].uid] == "scored"


def test_an_operator_decides(dva: Dva, app: Flask, api: Api, pool: str, settings: Settings) -> None:
    lease = api.lease().leases[0]
    report(api, lease, 0)
    report(api, lease, 1, reason="personal")
    done = dva(settings, "reports", "list", pool)
    assert [line.split()[0] for line in done.out.splitlines()] == ["1", "2"]
    assert "personal 1" in done.out
    assert "2 in all (withheld)" in done.err

    done = dva(settings, "reports", "confirm", "1")
    assert done.out == "1 of 1 reported pairs are confirmed now\n"
    assert dva(settings, "reports", "restore", "2", "2").out.startswith("1 of 1 ")
    assert dva(settings, "reports", "restore", "2").out.startswith("0 of 1 ")
    assert dva(settings, "reports", "list").out == ""
    told = json.loads(dva(settings, "reports", "list", "--state", "all", "--json").out)
    assert [(pair["number"], pair["state"]) for pair in told] == [
        (1, "confirmed"),
        (2, "restored"),
    ]
    assert all(pair["decided_at"] for pair in told)

    other = Api(app)
    assert report(other, lease, 0).state == "confirmed"
    assert report(other, lease, 1).state == "restored"
    api.post(f"/leases/{lease.lease}/abandon")
    assert [pair.withheld for pair in other.lease().leases[0].pairs] == [True, False, False, False]


def test_decisions_are_all_or_none(dva: Dva, api: Api, pool: str, settings: Settings) -> None:
    report(api, api.lease().leases[0], 0)
    for command in ("confirm", "restore"):
        done = dva(settings, "reports", command, "1", "7")
        assert (done.status, done.out) == (1, "")
        assert "There is no report 7. [report_unknown]" in done.err
    assert "withheld" in dva(settings, "reports", "list").out
    assert "pool_unknown" in dva(settings, "reports", "list", "nowhere").err
    assert dva(settings, "reports", "confirm", "x").status == 2


def test_many_report_one_pair_at_once(app: Flask, api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    devices = [Api(app) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda each: report(each, lease, 0), devices))
    assert {each.state for each in told} == {"withheld"}
    assert (count(database, models.ReportedPair), count(database, models.Report)) == (1, 6)


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(PairStatus),
            st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)),
            st.booleans(),
        ),
        min_size=1,
        max_size=20,
    ),
    width=st.sampled_from([1, 2]),
)
def test_only_what_is_withheld_is_blanked(
    pairs: Sequence[tuple[PairStatus, tuple[float, float], bool]], width: int
) -> None:
    posted = Result(
        lease="0" * 32,
        bundle="b" * 32,
        rung="native",
        device_class="x",
        statuses=bytes(status for status, _, _ in pairs),
        scores=pack_scores([value for _, values, _ in pairs for value in values[:width]]),
        signature=bytes(64),
    )
    hidden = frozenset(index for index, pair in enumerate(pairs) if pair[2])
    kept = services.blank(posted, hidden)
    scores = unpack_scores(kept.scores)
    for index, (status, values, _) in enumerate(pairs):
        row = tuple(scores[index * width : (index + 1) * width])
        if index in hidden:
            assert (kept.statuses[index], row) == (PairStatus.WITHHELD, (0.0, 0.0)[:width])
        else:
            assert (kept.statuses[index], row) == (status, values[:width])
    assert services.blank(kept, hidden) == kept
