"""The rules of leases and results, over the API, on both databases."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from dva_agent import protocol
from dva_agent.protocol import Accepted, Heartbeat, PairStatus, Span, pack_scores
from flask import Flask
from sqlalchemy import func, select

from server import create_app
from server.config import Settings
from server.db import Database, now
from server.results.models import Result
from server.work.models import Lease
from tests.server.api import Api, problem, result_for
from tests.server.conftest import UNITS
from tests.server.deadline import let_pass


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Result)) or 0


def test_a_lease_says_all_that_an_agent_needs(api: Api, pool: str, settings: Settings) -> None:
    lease = api.lease().leases[0]
    assert (lease.pool, lease.agent) == (pool, "dva")
    assert len(lease.pairs) == settings.unit_pairs
    assert 0 < lease.expires_in_s <= settings.lease_seconds
    unit = fetch(api, lease.shard_url, lease.span)
    for number, pair in enumerate(lease.pairs):
        assert pair.image
        assert pair.caption
        assert inside(pair.image, lease.span)
        start = pair.caption.start - lease.span.start
        assert unit[start : start + pair.caption.size] == f"picture {number}".encode()
        start = pair.image.start - lease.span.start
        assert unit[start : start + 2] == b"\xff\xd8"
    assert api.get(lease.bundle_url + "manifest.json").status_code == 200


def fetch(api: Api, url: str, span: Span) -> bytes:
    last = span.start + span.size - 1
    answer = api.get(url, range=f"bytes={span.start}-{last}")
    assert answer.status_code == 206
    assert len(answer.data) == span.size
    body: bytes = answer.data
    return body


def inside(span: Span, outer: Span) -> bool:
    return outer.start <= span.start and span.start + span.size <= outer.start + outer.size


def test_the_whole_pool_is_worked_off(app: Flask, api: Api, pool: str) -> None:
    other = Api(app)
    seen: list[str] = []
    while leases := api.lease(2).leases:
        for lease in leases:
            seen.append(api.finish(lease).unit)
        for lease in other.lease(1).leases:
            seen.append(other.finish(lease).unit)
    assert len(seen) == len(set(seen)) == UNITS
    idle = api.lease().idle
    assert idle
    assert idle.reason == "drained"
    status = api.status().pools[0]
    assert (status.units_done, status.units) == (UNITS, UNITS)
    assert (status.pairs_done, status.pairs, status.units_leased) == (16, 16, 0)


def test_why_there_is_no_work(app: Flask, api: Api, database: Database) -> None:
    idle = api.lease().idle
    assert idle
    assert idle.reason == "no_pool"
    assert idle.retry_after_s > 0


def test_all_leased_and_too_many(app: Flask, api: Api, pool: str, database: Database) -> None:
    holder = Api(app)
    assert len(holder.lease(8).leases) == UNITS
    idle = api.lease().idle
    assert idle
    assert (idle.reason, idle.retry_after_s) == ("all_leased", 30)
    assert api.status().pools[0].units_leased == UNITS


def test_a_device_holds_only_its_share(settings: Settings, database: Database, pool: str) -> None:
    api = Api(create_app(dataclasses.replace(settings, leases_per_device=2), database))
    assert len(api.lease(8).leases) == 2
    idle = api.lease().idle
    assert idle
    assert idle.reason == "too_many_leases"


def test_work_is_given_only_to_agents_that_can_do_it(api: Api, pool: str) -> None:
    request = protocol.LeaseRequest(agents=["caption-statistics", "of-another-day"])
    answer = api.ok(api.post("/leases", request), protocol.Leases)
    assert answer.idle
    assert answer.idle.reason == "no_agent"
    assert api.lease(pool=pool).leases
    request = protocol.LeaseRequest(agents=["dva"], pool="nowhere")
    problem(api.post("/leases", request), 404, "not_found")


def test_a_result_brings_leases_of_the_same_pool_until_it_is_drained(api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    for _ in range(UNITS - 1):
        answer = api.finish(lease, more=1)
        assert answer.next
        [lease] = answer.next.leases
    answer = api.finish(lease, more=1)
    assert answer.next
    assert answer.next.idle
    assert (answer.next.leases, answer.next.idle.reason) == ([], "drained")


def test_a_contradicting_result_changes_nothing(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    api.finish(lease)
    other = result_for(lease, scores=pack_scores([0.5] * len(lease.pairs)))
    problem(api.post_result(lease, other), 409, "result_conflict")
    with database.read() as session:
        assert session.scalars(select(Result.scores)).one() == result_for(lease).scores


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "bundle": (409, "bundle_mismatch", {"bundle": "f" * 32}),
    "one score missing": (422, "score_count_wrong", {"scores": bytes(4 * 3)}),
    "half a score": (422, "score_count_wrong", {"scores": bytes(4 * 4 + 1)}),
    "one status missing": (422, "score_count_wrong", {"statuses": bytes(3)}),
    "no number": (422, "score_not_finite", {"scores": pack_scores([0, 0, float("nan"), 0])}),
    "infinity": (422, "score_not_finite", {"scores": pack_scores([0, 0, float("-inf"), 0])}),
    "more than 1": (422, "score_out_of_range", {"scores": pack_scores([1.0001, 0, 0, 0])}),
    "unknown status": (422, "status_unknown", {"statuses": bytes([0, 0, 0, 99])}),
    "a score for a broken image": (
        422,
        "score_unexpected",
        {"statuses": bytes([PairStatus.IMAGE_BROKEN, 0, 0, 0])},
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_refusal_changes_nothing(why: str, api: Api, pool: str, database: Database) -> None:
    status, code, changes = REFUSED[why]
    lease = api.lease().leases[0]
    problem(api.post_result(lease, result_for(lease, **changes)), status, code)
    assert stored(database) == 0
    assert api.status().pools[0].units_leased == 1
    api.finish(lease)


def test_pairs_without_a_score(api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    result = result_for(
        lease,
        statuses=bytes([PairStatus.IMAGE_BROKEN, PairStatus.SCORED, PairStatus.CAPTION_EMPTY, 0]),
        scores=pack_scores([0, 0.25, 0, -1]),
    )
    accepted = api.ok(api.post_result(lease, result), Accepted)
    assert accepted.pairs_scored == 2


def test_a_lease_ends_with_its_deadline(
    app: Flask, api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    let_pass(database, lease.lease)
    problem(api.post_result(lease, result_for(lease)), 409, "lease_expired")
    problem(api.post(f"/leases/{lease.lease}/heartbeat"), 409, "lease_expired")
    assert api.status().pools[0].units_leased == 0
    [again] = Api(app).lease().leases
    assert again.unit == lease.unit
    assert again.lease != lease.lease
    problem(api.post_result(lease, result_for(lease)), 409, "lease_expired")


def test_an_abandoned_unit_goes_to_somebody_else(app: Flask, api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    problem(api.post_result(lease, result_for(lease)), 409, "lease_abandoned")
    other = Api(app)
    [again] = other.lease().leases
    assert again.unit == lease.unit
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    other.finish(again)


def test_abandoning_a_finished_lease_changes_nothing(api: Api, pool: str) -> None:
    lease = api.lease().leases[0]
    api.finish(lease)
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    assert api.status().pools[0].units_done == 1
    problem(api.post(f"/leases/{lease.lease}/heartbeat"), 409, "lease_expired")


def test_a_heartbeat_moves_the_deadline_up_to_a_limit(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    lease = api.lease().leases[0]
    with database.write() as session:
        row = session.get_one(Lease, lease.lease)
        row.deadline = now() + timedelta(seconds=5)
        row.claimed_at = now() - timedelta(seconds=60)
    beat = api.ok(api.post(f"/leases/{lease.lease}/heartbeat"), Heartbeat)
    assert beat.expires_in_s == pytest.approx(settings.lease_seconds, abs=2)
    with database.write() as session:
        row = session.get_one(Lease, lease.lease)
        row.claimed_at = now() - timedelta(seconds=settings.lease_max_seconds - 20)
    beat = api.ok(api.post(f"/leases/{lease.lease}/heartbeat"), Heartbeat)
    assert beat.expires_in_s == pytest.approx(20, abs=2)


@pytest.mark.parametrize("what", ["heartbeat", "abandon", "result"])
def test_only_the_holder_of_a_lease_may_use_it(
    what: str, app: Flask, api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    path = f"/leases/{lease.lease}/{what}"
    thief = Api(app)
    body = result_for(lease)
    problem(thief.post(path, body), 403, "lease_not_yours")
    problem(thief.post(path, body, token=None), 401, "not_signed_in")
    problem(thief.post(path, body, token="x" * 43), 401, "not_signed_in")
    problem(thief.post(f"/leases/nothing/{what}", body), 404, "lease_unknown")
    assert stored(database) == 0
    api.finish(lease)
