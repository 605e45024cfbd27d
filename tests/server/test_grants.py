"""What was granted in an answer that got lost is had again, and nothing besides."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import msgspec
import pytest
from dva_agent import protocol
from dva_agent.protocol import Accepted
from flask import Flask
from sqlalchemy import func, select

from server import create_app
from server.config import Settings
from server.db import Database
from server.results.models import Result
from server.work.models import Lease
from tests.server.api import Api, problem, result_for
from tests.server.deadline import let_pass

REQUEST = "0123456789abcdef" * 2


def test_repeating_a_result_gets_the_same_answer(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    result = result_for(lease, more=2)
    first = api.ok(api.post_result(lease, result), Accepted)
    again = api.ok(api.post_result(lease, result), Accepted)
    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(Result)).one() == 1
    assert first.next
    assert again.next
    assert same_but_for_time(first) == same_but_for_time(again)
    assert api.status().pools[0].units_leased == 2
    assert api.ok(api.post_result(lease, result_for(lease)), Accepted).next is None
    api.finish(first.next.leases[0])
    third = api.ok(api.post_result(lease, result), Accepted)
    assert third.next
    assert [lease.lease for lease in third.next.leases] == [first.next.leases[1].lease]


def same_but_for_time(accepted: Accepted) -> Accepted:
    assert accepted.next
    leases = [msgspec.structs.replace(lease, expires_in_s=0) for lease in accepted.next.leases]
    return msgspec.structs.replace(
        accepted, next=msgspec.structs.replace(accepted.next, leases=leases)
    )


def names(leases: protocol.Leases) -> list[str]:
    return [lease.lease for lease in leases.leases]


def test_repeating_a_request_gets_the_same_leases(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    first = api.lease(3, request=REQUEST)
    assert len(first.leases) == 3
    with database.write() as session:
        row = session.get_one(Lease, first.leases[2].lease)
        row.deadline -= timedelta(seconds=settings.lease_seconds / 2)
    again = api.lease(3, request=REQUEST)
    assert sorted(names(again)) == sorted(names(first))
    assert again.idle is None
    left = {lease.lease: lease.expires_in_s for lease in again.leases}
    assert left[first.leases[2].lease] <= settings.lease_seconds / 2
    assert api.status().pools[0].units_leased == 3


def test_a_repeated_request_gets_what_is_left_and_then_anew(
    api: Api, pool: str, database: Database
) -> None:
    first, second, third = api.lease(3, request=REQUEST).leases
    api.finish(first)
    api.post(f"/leases/{second.lease}/abandon")
    assert names(api.lease(3, request=REQUEST)) == [third.lease]
    let_pass(database, third.lease)
    fresh = names(api.lease(3, request=REQUEST))
    assert len(fresh) == 3
    assert not {first.lease, second.lease, third.lease} & set(fresh)
    assert sorted(names(api.lease(8, request=REQUEST))) == sorted(fresh)


def test_a_repetition_past_the_devices_share_gets_the_same_leases(
    settings: Settings, database: Database, pool: str
) -> None:
    api = Api(create_app(dataclasses.replace(settings, leases_per_device=2), database))
    first = names(api.lease(8, request=REQUEST))
    assert len(first) == 2
    assert sorted(names(api.lease(8, request=REQUEST))) == sorted(first)
    other = api.lease(8, request=REQUEST[::-1])
    assert other.idle
    assert other.idle.reason == "too_many_leases"


def test_what_was_asked_otherwise_gets_other_leases(app: Flask, api: Api, pool: str) -> None:
    """Another tab of the device, another device with the same identifier, a client without one."""
    answers = [
        api.lease(request=REQUEST),
        api.lease(request=REQUEST[::-1]),
        Api(app).lease(request=REQUEST),
        api.lease(),
        api.lease(),
    ]
    granted = [name for answer in answers for name in names(answer)]
    assert len(granted) == len(set(granted)) == 5


def test_a_request_that_was_granted_nothing_is_like_a_new_one(
    app: Flask, api: Api, pool: str
) -> None:
    holder = Api(app)
    held = holder.lease(8).leases
    assert not api.lease(request=REQUEST).leases
    holder.post(f"/leases/{held[0].lease}/abandon")
    assert len(api.lease(request=REQUEST).leases) == 1


@pytest.mark.parametrize("name", ["", "0", REQUEST + "0", REQUEST.upper(), REQUEST[:-1] + "\n"])
def test_what_is_no_identifier_is_refused(name: str, api: Api, pool: str) -> None:
    request = protocol.LeaseRequest(agents=["dva"], request=name)
    problem(api.post("/leases", request), 400, "message_invalid")
    assert api.status().pools[0].units_leased == 0


def test_giving_up_a_stored_result_gives_back_what_it_brought(
    app: Flask, api: Api, pool: str
) -> None:
    """Its answer, which said that it was stored and brought leases, never arrived."""
    lease, other = api.lease(2).leases
    brought = api.finish(lease, more=2).next
    assert brought
    problem(Api(app).post(f"/leases/{lease.lease}/abandon"), 403, "lease_not_yours")
    assert api.status().pools[0].units_leased == 3
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    assert (api.status().pools[0].units_leased, api.status().pools[0].units_done) == (1, 1)
    problem(api.post_result(brought.leases[0], result_for(lease)), 409, "lease_mismatch")
    problem(api.post(f"/leases/{brought.leases[0].lease}/heartbeat"), 409, "lease_abandoned")
    repeated = api.finish(lease, more=2)
    assert repeated.next
    assert repeated.next.leases == []
    api.finish(other)
