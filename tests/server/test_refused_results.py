"""Results that are refused: each by its code, and the whole database is as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from dva_agent.protocol import Lease, Result, encode
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.test import TestResponse

from server import security
from server.db import Base, Database, now
from server.work.models import Lease as LeaseRow
from tests.server.api import Api, problem, result_for

JSON = "application/json"
Rows = dict[str, list[Any]]


def everything(database: Database) -> Rows:
    """Each row of each table."""
    with database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(table.select()).all()))
            for table in Base.metadata.sorted_tables
        }


def post(api: Api, lease: Lease, body: bytes) -> TestResponse:
    return api.post(f"/leases/{lease.lease}/result", data=body, content_type=JSON)


def cut(result: Result, *, pairs: int, scores: int) -> dict[str, bytes]:
    """Without so many bytes at the end."""
    return {
        "statuses": result.statuses[: len(result.statuses) - pairs],
        "scores": result.scores[: len(result.scores) - scores],
    }


SHAPES: dict[str, Callable[[Result], dict[str, bytes]]] = {
    "a pair less": lambda result: cut(result, pairs=1, scores=4),
    "a status less": lambda result: cut(result, pairs=1, scores=0),
    "a score less": lambda result: cut(result, pairs=0, scores=4),
    "half a score": lambda result: cut(result, pairs=0, scores=2),
    "nothing": lambda result: {"statuses": b"", "scores": b""},
    "a pair more": lambda result: {
        "statuses": result.statuses + b"\0",
        "scores": result.scores + bytes(4),
    },
    "twice": lambda result: {
        "statuses": result.statuses * 2,
        "scores": result.scores * 2,
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_of_another_size(shape: str, api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    before = everything(database)
    changes = SHAPES[shape](result_for(lease))
    answer = api.post_result(lease, result_for(lease, **changes))
    problem(answer, 422, "score_count_wrong")
    assert everything(database) == before
    api.finish(lease)


def test_larger_than_any_can_be(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    before = everything(database)
    body = encode(result_for(lease)) + b" " * security.MAX_BODY
    problem(post(api, lease, body), 413, "body_too_large")
    assert everything(database) == before


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_cut_off_or_garbled(data: st.DataObject, api: Api, pool: str, database: Database) -> None:
    """A byte of the structure, not of a text: text may be any."""
    leases = api.lease().leases
    if leases:
        api.post(f"/leases/{leases[0].lease}/abandon")
    lease = api.lease().leases[0]
    whole = encode(result_for(lease))
    before = everything(database)
    # A share, since the unit that is had may be a longer or a shorter one; of what must be there,
    # since a field whose name nobody knows is as good as none.
    end = whole.index(b',"more"')
    length = int(data.draw(st.floats(0, 1, exclude_max=True)) * end)
    garbled = data.draw(
        st.sampled_from(
            [
                whole[:length],
                whole[:length] + b"\xff" + whole[length:],
                b"[" + whole + b"]",
                whole + whole,
                whole.replace(b'"scores"', b'"points"'),
            ]
        )
    )
    problem(post(api, lease, garbled), 400, "message_invalid")
    assert everything(database) == before
    api.post(f"/leases/{lease.lease}/abandon")


def test_reordered_after_it_was_stored(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    api.finish(lease)
    before = everything(database)
    scores = result_for(lease).scores
    pairs = [scores[at : at + 4] for at in range(0, len(scores), 4)]
    turned = result_for(lease, scores=b"".join(reversed(pairs)))
    problem(api.post_result(lease, turned), 409, "result_conflict")
    assert everything(database) == before


def test_a_repetition_gets_the_first_answer_and_changes_nothing(
    api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    first = api.finish(lease, more=1)
    before = everything(database)
    again = api.finish(lease, more=1)
    assert (again.unit, again.pairs_scored) == (first.unit, first.pairs_scored)
    assert first.next
    assert again.next
    assert [one.lease for one in again.next.leases] == [one.lease for one in first.next.leases]
    assert everything(database) == before


@pytest.mark.parametrize("stored", [False, True])
def test_replayed_under_another_lease(
    stored: bool, api: Api, pool: str, database: Database
) -> None:
    lease, other = api.lease(count=2).leases
    if stored:
        api.finish(lease)
    before = everything(database)
    problem(api.post_result(other, result_for(lease)), 409, "lease_mismatch")
    assert everything(database) == before
    api.finish(other)


@pytest.mark.parametrize("stored", [False, True])
def test_replayed_by_another_device(
    stored: bool, app: Flask, api: Api, pool: str, database: Database
) -> None:
    lease = api.lease().leases[0]
    if stored:
        api.finish(lease)
    other = Api(app)
    before = everything(database)
    problem(other.post_result(lease, result_for(lease)), 403, "lease_not_yours")
    problem(api.post_result(lease, result_for(lease), token=None), 401, "not_signed_in")
    assert everything(database) == before


def test_after_the_deadline(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    with database.write() as session:
        session.execute(update(LeaseRow).values(deadline=now() - timedelta(seconds=1)))
    before = everything(database)
    problem(api.post_result(lease, result_for(lease)), 409, "lease_expired")
    assert everything(database) == before
    # The unit went to a new lease; the old one is still of no use.
    later = api.lease().leases[0]
    assert later.unit == lease.unit
    before = everything(database)
    problem(api.post_result(lease, result_for(lease)), 409, "lease_expired")
    assert everything(database) == before
    api.finish(later)


def test_after_it_was_given_back(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    before = everything(database)
    problem(api.post_result(lease, result_for(lease)), 409, "lease_abandoned")
    assert everything(database) == before
