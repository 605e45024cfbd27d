"""How much a device and a network may ask for, and what they are told when it was too much."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from dva_agent.protocol import ROOT, Challenge, LeaseRequest, Report, decode, encode
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from server import create_app, db
from server.config import Settings
from server.contributors import services as contributors
from server.contributors.models import Device
from server.db import Database, now
from server.limits import services
from server.limits.meter import Meter
from server.limits.models import Allowance
from server.limits.rate import Rate, network_of, take
from tests.keys import Keys
from tests.server.api import Api, problem


@given(
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
    per_s=st.floats(0.1, 10),
    burst=st.integers(1, 20),
)
def test_no_more_than_the_burst_and_what_was_earned_since(
    gaps: Sequence[float], per_s: float, burst: int
) -> None:
    rate = Rate(per_s=per_s, burst=burst)
    free_at = at = 1000.0
    passed: list[float] = []
    for gap in gaps:
        at += gap
        taken = take(rate, free_at, at)
        if taken.wait_s == 0:
            passed.append(at)
        else:
            assert taken.free_at == free_at
            # Who waits as told may go on: the answer is neither too short nor much too long.
            assert take(rate, free_at, at + taken.wait_s).wait_s == 0
            assert take(rate, free_at, at + taken.wait_s * 0.9 - 1e-4).wait_s > 0
        free_at = taken.free_at
    for first, start in enumerate(passed):
        for count, end in enumerate(passed[first:], start=1):
            assert count <= burst + per_s * (end - start) + 1e-3


def test_a_burst_may_come_at_once() -> None:
    rate = Rate(per_s=2, burst=3)
    free_at = 0.0
    waits = []
    for _ in range(5):
        taken = take(rate, free_at, 100.0)
        free_at = taken.free_at
        waits.append(taken.wait_s)
    assert waits == [0, 0, 0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", None),
        (None, None),
        ("unix:", None),
    ],
)
def test_networks(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


def test_a_meter_forgets_the_one_that_was_quiet_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.limits.meter.CLIENTS", 2)
    meter = Meter(Rate(per_s=0.001, burst=1))
    assert [meter.take(client) == 0 for client in "aab"] == [True, False, True]
    assert meter.take("a") > 0
    assert meter.take("c") == 0
    assert meter.take("a") > 0
    assert meter.take("b") == 0


def limited(settings: Settings, database: Database, **changes: Any) -> Flask:
    return create_app(dataclasses.replace(settings, **changes), database)


def ask(app: Flask, path: str, address: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().get(path, headers=named, environ_base={"REMOTE_ADDR": address})


def register(app: Flask, address: str, **headers: str) -> TestResponse:
    """A new device each time."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    challenge = decode(app.test_client().post(ROOT + "/challenges").data, Challenge).challenge
    return app.test_client().post(
        ROOT + "/devices",
        data=encode(Keys().registration(challenge)),
        content_type="application/json",
        headers=named,
        environ_base={"REMOTE_ADDR": address},
    )


def test_requests_of_a_device(
    settings: Settings, database: Database, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.limits.meter.monotonic", lambda: 7.0)
    app = limited(settings, database, requests_per_second=0.5)
    api, other = Api(app), Api(app)
    request = LeaseRequest(agents=["dva"])
    lease = api.lease().leases[0]
    for _ in range(2):
        assert api.post("/leases", request).status_code == 200
    told = problem(api.post("/leases", request), 429, "rate_limited")
    assert told.retry_after_s == 2
    problem(api.post(f"/leases/{lease.lease}/heartbeat"), 429, "rate_limited")
    assert other.post("/leases", request).status_code == 200
    # Without a token nobody is told apart; and files aren't counted.
    assert api.status().pools
    for _ in range(5):
        token = f"Bearer {api.device.token}"
        assert api.get(lease.shard_url, Authorization=token).status_code == 200


def test_requests_of_a_network(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.limits.meter.monotonic", lambda: 7.0)
    app = limited(settings, database, network_requests_per_second=0.2)
    path = ROOT + "/status"
    assert [ask(app, path, "192.0.2.1").status_code for _ in range(3)] == [200, 200, 429]
    # Made-up tokens don't get around it.
    answer = ask(app, path, "192.0.2.9", Authorization="Bearer made-up")
    problem(answer, 429, "rate_limited")
    assert ask(app, path, "198.51.100.1").status_code == 200
    assert ask(app, "/", "192.0.2.1").status_code == 200
    assert [ask(app, path, "127.0.0.1").status_code for _ in range(5)] == [200] * 5


def test_registrations_hold_across_workers(settings: Settings, database: Database) -> None:
    apps = [limited(settings, database, registrations_per_hour=3) for _ in range(2)]
    statuses = [register(apps[i % 2], f"192.0.2.{i}").status_code for i in range(3)]
    assert statuses == [201] * 3
    told = problem(register(apps[0], "192.0.2.200"), 429, "rate_limited")
    assert told.retry_after_s
    assert 1190 <= told.retry_after_s <= 1200
    assert register(apps[1], "192.0.3.1").status_code == 201
    assert register(apps[1], "127.0.0.1").status_code == 201


def test_no_network_is_kept_in_clear(settings: Settings, database: Database) -> None:
    """Neither for the limit nor with the device; the devices of one have one name for it."""
    app = limited(settings, database)
    for address in ("203.0.113.77", "203.0.113.8", "198.51.100.1", "127.0.0.1"):
        assert register(app, address).status_code == 201
    with database.write() as session:
        kept = session.scalars(select(Device.network).order_by(Device.network)).all()
        limited_by = session.scalars(select(Allowance.client)).all()
        names = [name for name in kept if name is not None]
        assert (len(kept), len(names), len(set(names))) == (4, 3, 2)
        assert not any("203.0.113" in name or "198.51" in name for name in (*names, *limited_by))
        contributors.forget(session, settings, now() + contributors.NETWORK_KEPT)
        assert set(session.scalars(select(Device.network))) == {None}


def test_what_is_earned_back_is_forgotten(settings: Settings, database: Database) -> None:
    app = limited(settings, database)
    for number in range(3):
        assert register(app, f"10.0.{number}.1").status_code == 201
    with database.write() as session:
        services.forget(session, now())
        assert session.scalar(select(func.count()).select_from(Allowance)) == 3
        services.forget(session, now() + timedelta(hours=1))
        assert session.scalar(select(func.count()).select_from(Allowance)) == 0


@pytest.mark.parametrize(("proxies", "told_apart"), [(0, False), (1, True)])
def test_only_known_proxies_say_who_asks(
    settings: Settings, database: Database, proxies: int, told_apart: bool
) -> None:
    app = limited(settings, database, registrations_per_hour=1, proxies=proxies)
    first = register(app, "192.0.2.1", X_Forwarded_For="10.9.9.9, 198.51.100.1")
    second = register(app, "192.0.2.1", X_Forwarded_For="10.9.9.9, 203.0.113.1")
    again = register(app, "192.0.2.1", X_Forwarded_For="127.0.0.1, 203.0.113.1")
    assert first.status_code == 201
    assert (second.status_code == 201) == told_apart
    problem(again, 429, "rate_limited")


def test_no_limits_at_all(settings: Settings, database: Database) -> None:
    app = limited(
        settings,
        database,
        registrations_per_hour=0,
        requests_per_second=0,
        network_requests_per_second=0,
    )
    assert {register(app, "192.0.2.1").status_code for _ in range(3)} == {201}


def test_a_refused_request_changes_nothing(
    settings: Settings, database: Database, pool: str
) -> None:
    app = limited(settings, database, requests_per_second=0.3)
    api = Api(app)
    lease = api.lease().leases[0]
    report = Report(pool=pool, unit=lease.unit, uid=lease.pairs[0].uid, reason="other")
    problem(api.post("/reports", report), 429, "rate_limited")
    assert Api(app).lease().leases[0].pairs[0].withheld is False


def test_a_load_is_shed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(db, "ADMISSION_S", 0.05)
    database = Database(settings.database_url, connections=3, writers=1)
    app = create_app(settings, database)
    api = Api(app)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            inside.set()
            done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert inside.wait(10)
        problem(api.post("/leases", LeaseRequest(agents=["dva"])), 503, "busy")
        assert api.status().pools == []
    finally:
        done.set()
        holder.join()
    assert api.post("/leases", LeaseRequest(agents=["dva"])).status_code == 200
    assert "one was told to come back" in caplog.text
    database.close()
