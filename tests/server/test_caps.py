"""How much one device, one contributor and one network may have in hand, and in a day."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from dva_agent.protocol import LeaseRequest, Leases
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server import create_app
from server.config import Settings
from server.contributors import quota, services
from server.contributors.models import Device
from server.db import Database, now
from server.work.models import Lease
from tests.keys import Keys
from tests.server.api import Api

MOST = 1_000_000


@given(before=st.integers(1, MOST), units=st.integers(1, 200))
def test_what_was_wrong_costs_more_than_what_was_right_brings(before: int, units: int) -> None:
    less = quota.after_invalid(before, units)
    assert quota.LEAST <= less <= max(quota.LEAST, min(before, quota.AFRESH) // 2)
    more = quota.after_valid(less, units, MOST)
    assert less < more <= MOST
    assert quota.after_valid(MOST, units, MOST) == MOST


@pytest.fixture
def capped(settings: Settings, database: Database, pool: str, request: Any) -> Flask:
    return create_app(dataclasses.replace(settings, **request.param), database)


def ask(api: Api, count: int, address: str = "127.0.0.1") -> Leases:
    message = LeaseRequest(agents=["dva"], count=count)
    answer = api.post("/leases", message, environ_base={"REMOTE_ADDR": address})
    found = api.ok(answer, Leases)
    api.know(found.leases)
    return found


@pytest.mark.parametrize("capped", [{"leases_per_contributor": 3}], indirect=True)
def test_more_devices_bring_a_contributor_no_more(capped: Flask) -> None:
    first = Api(capped)
    second = Api(capped, Keys(first.keys.account))
    assert len(ask(first, 2).leases) == 2
    assert len(ask(second, 2).leases) == 1
    told = ask(second, 1)
    assert told.idle
    assert (told.leases, told.idle.reason) == ([], "too_many_leases")
    assert len(ask(Api(capped), 1).leases) == 1


@pytest.mark.parametrize("capped", [{"leases_per_network": 2}], indirect=True)
def test_more_accounts_bring_a_network_no_more(capped: Flask, database: Database) -> None:
    one, two, three = (Api(capped) for _ in range(3))
    assert len(ask(one, 1, "192.0.2.1").leases) == 1
    assert len(ask(two, 2, "192.0.2.99").leases) == 1
    told = ask(three, 1, "192.0.2.3")
    assert told.idle
    assert told.idle.reason == "too_many_leases"
    assert len(ask(three, 1, "198.51.100.3").leases) == 1
    assert len(ask(one, 1).leases) == 1, "this machine isn't limited"
    with database.read() as session:
        named = session.scalars(select(Lease.network)).all()
    assert not any("192" in (name or "") for name in named)
    assert len(set(named)) == 3
    for lease in one.units:
        one.post(f"/leases/{lease}/abandon")
    assert len(ask(three, 1, "192.0.2.3").leases) == 1
    with database.read() as session:
        ended = select(Lease.network).where(Lease.state != "held")
        assert set(session.scalars(ended)) == {None}


@pytest.mark.parametrize("capped", [{"units_per_day": 3}], indirect=True)
def test_a_day_has_its_quota(
    capped: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = Api(capped)
    taken = ask(api, 2).leases
    assert len(ask(api, 2).leases) == 1
    for lease in taken:
        api.post(f"/leases/{lease.lease}/abandon")
    told = ask(api, 1)
    assert told.idle
    assert told.idle.reason == "quota_spent"
    tomorrow = now() + timedelta(days=1)
    monkeypatch.setattr("server.work.views.now", lambda: tomorrow)
    assert len(ask(api, 1).leases) == 1


def test_wrong_work_brings_the_quota_down_and_right_work_up(
    api: Api, settings: Settings, database: Database
) -> None:
    device, at = api.device.device, now()

    def left(change: Any, units: int) -> int:
        with database.write() as session:
            change(session, settings, device, units)
            return services.left_today(session, settings, device, at)

    assert left(services.valid, 5) == settings.units_per_day
    assert left(services.invalid, 2) == quota.AFRESH // 4
    assert left(services.valid, 2) == quota.AFRESH // 4 + 2 * quota.GROWTH
    assert left(services.valid, settings.units_per_day) == settings.units_per_day
    with database.read() as session:
        assert session.get_one(Device, device).quota is None


def test_what_a_device_said_of_itself_is_forgotten(
    api: Api, settings: Settings, database: Database
) -> None:
    later = now() + timedelta(days=settings.devices_kept_days)
    for at, kept in ((later - timedelta(hours=1), "test"), (later, "")):
        with database.write() as session:
            services.forget(session, settings, at)
        with database.read() as session:
            found = session.get_one(Device, api.device.device)
            assert (found.device_class, found.public_key is None) == (kept, False)
