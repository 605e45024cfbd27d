"""Reported pairs: looked at, kept away or put back."""

from __future__ import annotations

import dataclasses

import pytest
from dva_agent.protocol import Lease, LeaseRequest, Leases, Report
from flask import Flask

from server import create_app
from server.admin import services
from server.admin.pages import listed
from server.admin.pages.reports import STATES, WAITING
from server.admin.roles import VIEWER
from server.config import Settings
from server.db import Database, now
from server.pools.search import Sought
from server.reports import services as reports
from server.reports import takedowns
from tests.server.api import Api
from tests.server.operator_pages import NAME, PASSWORD, Operator, logged, said
from tests.server.test_admin_pages import text


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
        services.create(session, VIEWER, PASSWORD, now(), VIEWER)
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    signed_in = Operator(app)
    assert signed_in.sign_in().status_code == 303
    return signed_in


@pytest.fixture
def lease(api: Api, pool: str) -> Lease:
    """Of which the first pair is reported."""
    lease = api.lease().leases[0]
    posted = Report(pool=lease.pool, unit=lease.unit, uid=lease.pairs[0].uid, reason="sexual")
    assert api.post("/reports", posted).status_code == 200
    return lease


def test_a_lists_other_pages_are_of_the_same_list(app: Flask) -> None:
    """Reports that wait are the usual ones: any has to be said."""
    for query, says in (
        ("", ""),
        ("state=withheld", ""),
        ("state=", "state=&"),
        ("state=x", "state=&"),
    ):
        with app.test_request_context(f"/admin/reports?{query}&page=2"):
            wanted = listed.wanted(10, states=STATES, usual=WAITING)
            assert (wanted.page, wanted.first, wanted.pages(0), wanted.pages(11)) == (2, 10, 1, 2)
            assert wanted.address(3) == f"/admin/reports?{says}page=3"
    with app.test_request_context("/admin/pools/demo?search=%00 a&state=any&page=%C2%B2"):
        wanted = listed.wanted(10)
        assert wanted.address(2) == "/admin/pools/demo?search=a&page=2"


def withheld(api: Api) -> list[str]:
    again = api.ok(api.post("/leases", LeaseRequest(agents=["dva"], count=8)), Leases)
    return [pair.uid for lease in again.leases for pair in lease.pairs if pair.withheld]


def test_a_report_is_decided_and_decided_otherwise(
    operator: Operator, api: Api, lease: Lease, database: Database
) -> None:
    uid = lease.pairs[0].uid
    page = operator.get("/admin/reports")
    assert "1 found" in page.text
    assert "sexual" in text(page.text)
    assert "waits for a decision" in page.text
    picture = operator.get("/admin/reports/1/picture")
    assert picture.status_code == 200
    assert picture.mimetype.startswith("image/")
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    decide = "/admin/reports/1/decide"
    assert "stays away for good." in said(operator, decide, decision="confirmed", state="withheld")
    assert "was confirmed already." in said(operator, decide, decision="confirmed")
    assert "Nothing waits for a decision." in operator.get("/admin/reports").text
    assert uid in operator.get("/admin/reports?state=confirmed").text
    assert api.post(f"/leases/{lease.lease}/abandon", None).status_code == 204
    assert withheld(api) == [uid]
    assert "is handed out again." in said(operator, decide, decision="restored")
    assert uid in operator.get("/admin/reports?state=").text
    subject = f"test/{lease.unit}/{uid}"
    assert logged(database) == [
        ("report restored", subject, {"before": "confirmed", "after": "restored"}),
        ("report confirmed", subject, {"before": "withheld", "after": "confirmed"}),
    ]


def test_what_cant_be_decided(operator: Operator, lease: Lease, database: Database) -> None:
    assert operator.act("/admin/reports/1/decide", decision="burn").status_code == 409
    for number in (0, 2, 10**12, 10**30):
        path = f"/admin/reports/{number}"
        assert operator.act(f"{path}/decide", decision="confirmed").status_code == 404
        assert operator.get(f"{path}/picture").status_code == 404
    for odd in ("state=%00", "page=99", "page=x&state=withheld"):
        assert operator.get(f"/admin/reports?{odd}").status_code == 200
    assert logged(database) == []


def test_what_was_taken_down_is_not_shown(
    operator: Operator, lease: Lease, database: Database, settings: Settings
) -> None:
    wanted = Sought(kind="uid", value=lease.pairs[0].uid)
    with database.write() as session:
        number = takedowns.order(session, wanted, why="they asked", by="me", at=now())
    takedowns.carry_out(database, settings, number, now())
    page = operator.get("/admin/reports?state=").text
    assert "Taken down" in page
    assert "<img" not in page.split("<main", 1)[1]
    assert operator.get("/admin/reports/1/picture").status_code == 404
    refused = operator.act("/admin/reports/1/decide", decision="restored")
    assert (refused.status_code, "was taken down" in refused.text) == (409, True)
    assert logged(database) == []


def test_a_viewer_is_offered_nothing(app: Flask, lease: Lease) -> None:
    viewer = Operator(app)
    viewer.sign_in(VIEWER)
    page = viewer.get("/admin/reports").text
    assert "1 found" in page
    assert "Put back" not in page


def test_pages_of_them(api: Api, lease: Lease, database: Database) -> None:
    for pair in lease.pairs[1:]:
        posted = Report(pool=lease.pool, unit=lease.unit, uid=pair.uid, reason="other")
        assert api.post("/reports", posted).status_code == 200
    with database.read() as session:
        whole = reports.listed(session, pool=None, states=["withheld"])
        pages = [
            reports.listed(session, pool="test", states=["withheld"], first=first, count=2)
            for first in (0, 2)
        ]
        assert reports.count_listed(session, pool=None, states=["withheld"]) == len(whole) == 4
        assert reports.count_listed(session, pool=None, states=["restored"]) == 0
        assert reports.find(session, whole[0].id) == whole[0]
    assert [pair for page in pages for pair in page] == whole
    assert [dict(pair.reasons) for pair in whole[:2]] == [{"sexual": 1}, {"other": 1}]
