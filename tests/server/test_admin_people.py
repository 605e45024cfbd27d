"""Contributors and devices, as an operator finds them and decides about them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from dva_agent.protocol import LeaseRequest
from flask import Flask
from sqlalchemy import update

from server import create_app
from server.admin import services
from server.admin.roles import VIEWER
from server.config import Settings
from server.contributors import listing
from server.contributors.models import Contributor, Device
from server.db import Database, now
from server.trust import operator as trust
from tests.keys import Keys
from tests.server.api import Api, problem
from tests.server.auditing import FAILED, Trial
from tests.server.operator_pages import NAME, PASSWORD, Operator, logged, said
from tests.server.test_admin_pages import text

ASK = LeaseRequest(agents=["dva"])
WHY = "a driver that <lies>"


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


def test_a_contributor_is_suspended_appeals_and_is_answered(
    operator: Operator, api: Api, pool: str, database: Database
) -> None:
    number = api.device.contributor
    page = f"/admin/contributors/{number}"
    assert f"Suspend contributor {number[:8]}?" in operator.get(f"{page}/suspend").text
    assert "wasn&#39;t suspended" in said(operator, f"{page}/appeal", answer="restore")
    assert "is suspended." in said(operator, f"{page}/suspend", why=WHY)
    assert "was suspended already." in said(operator, f"{page}/suspend", why="again")
    problem(api.post("/leases", ASK), 403, "contributor_suspended")
    shown = text(operator.get(page).text)
    assert "Answer an appeal" in shown
    assert "a driver that &lt;lies&gt;" in shown
    assert "stays suspended" in said(operator, f"{page}/appeal", answer="uphold", why="it does")
    problem(api.post("/leases", ASK), 403, "contributor_suspended")
    assert "may work again" in said(operator, f"{page}/appeal", answer="restore", why="a new one")
    assert api.post("/leases", ASK).status_code == 200
    assert logged(database) == [
        ("contributor restored", number, {"why": "a new one"}),
        ("suspension upheld", number, {"why": "it does"}),
        ("contributor suspended", number, {"why": WHY}),
    ]
    with database.read() as session:
        decided = trust.decided(session, number)
    assert [(each.verb, each.by, each.reason) for each in decided] == [
        ("suspended", NAME, WHY),
        ("upheld", NAME, "it does"),
        ("restored", NAME, "a new one"),
    ]


def test_a_device_is_suspended_restored_and_revoked(
    operator: Operator, app: Flask, api: Api, pool: str, database: Database
) -> None:
    number = api.device.device
    page = f"/admin/devices/{number}"
    other = Api(app, Keys(api.keys.account))
    assert "is suspended." in said(operator, f"{page}/suspend", why=WHY)
    assert "was stopped already." in said(operator, f"{page}/suspend")
    problem(api.post("/leases", ASK), 403, "device_quarantined")
    assert other.post("/leases", ASK).status_code == 200
    assert "quarantined , since an operator stopped it" in text(operator.get(page).text)
    assert "may work again" in said(operator, f"{page}/restore", why="a new one")
    assert "wasn&#39;t stopped." in said(operator, f"{page}/restore")
    assert "This can&#39;t be undone" in operator.get(f"{page}/revoke").text
    assert "is revoked." in said(operator, f"{page}/revoke", why="lost")
    assert "was revoked already." in said(operator, f"{page}/revoke")
    problem(api.post("/leases", ASK), 401, "device_revoked")
    assert other.post("/leases", ASK).status_code == 200
    assert [action for action, subject, _ in logged(database) if subject == number] == [
        "device revoked",
        "device restored",
        "device suspended",
    ]


def test_what_audits_found_is_said_in_words(
    operator: Operator, api: Api, pool: str, database: Database, settings: Settings
) -> None:
    for lease in api.lease(2).leases:
        api.finish(lease)
    trial = Trial(database, settings)
    trial.draw()
    trial.end_all(FAILED)
    page = text(operator.get(f"/admin/devices/{api.device.device}").text)
    assert "a score differs by more than any device should" in page
    assert "Audits failed" in page
    assert "native" in page, "its self-test"
    page = text(operator.get(f"/admin/contributors/{api.device.contributor}").text)
    assert "suspended" in page
    assert "Forfeited" in page
    assert "a score differs" in text(operator.get("/admin/devices").text)


def test_they_are_found_by_what_is_known_of_them(
    operator: Operator, app: Flask, api: Api, database: Database
) -> None:
    second = Api(app, Keys())
    with database.write() as session:
        session.execute(
            update(Contributor)
            .where(Contributor.id == second.device.contributor)
            .values(display_name="Ann_50%", state="suspended")
        )
        session.execute(
            update(Device)
            .where(Device.id == second.device.device)
            .values(device_class="Radeon 9", last_seen_at=now() - timedelta(days=2))
        )

    def people(search: str, state: str = "") -> set[str]:
        with database.read() as session:
            found, total = listing.people(session, search=search, state=state, first=0, count=9)
        assert total == len(found)
        return {person.id for person in found}

    def machines(search: str, state: str = "") -> list[str]:
        with database.read() as session:
            found, total = listing.machines(session, search=search, state=state, first=0, count=9)
        assert total == len(found)
        return [machine.id for machine in found]

    whose, device = second.device.contributor, second.device.device
    assert people("") == {whose, api.device.contributor}
    for search in ("n_50%", whose[:6], device[:9], "ANN"):
        assert people(search) == {whose}
    assert people("", "suspended") == people("Ann", "suspended") == {whose}
    assert people("%") == {whose}, "as it is, not as a pattern"
    assert people("x_50") == people("Ann", "active") == people("\\") == set()
    assert machines("") == [api.device.device, device]
    assert machines("radeon") == machines(whose[:9]) == machines("", "suspended") == [device]
    assert machines("", "active") == [api.device.device]
    assert machines("", "revoked") == machines("", "quarantined") == []
    for page in ("contributors", "devices"):
        shown = operator.get(f"/admin/{page}?search=%00{device[:8]}&state=x&page=0").text
        assert "1 found" in shown
        assert operator.get(f"/admin/{page}?page=99999").status_code == 200


def test_a_page_at_a_time(api: Api, app: Flask, database: Database) -> None:
    for _ in range(2):
        Api(app, Keys())
    with database.read() as session:
        pages = [
            listing.people(session, search="", state="", first=first, count=2) for first in (0, 2)
        ]
    assert [total for _, total in pages] == [3, 3]
    assert len({person.id for found, _ in pages for person in found}) == 3


def test_who_isnt_there(operator: Operator, api: Api, database: Database) -> None:
    for number in ("none", "%00", "0" * 33, api.device.device):
        assert operator.get(f"/admin/contributors/{number}").status_code == 404
        for action in ("suspend", "appeal"):
            assert operator.act(f"/admin/contributors/{number}/{action}").status_code == 404
    for number in ("none", "%00", api.device.contributor):
        assert operator.get(f"/admin/devices/{number}").status_code == 404
        for action in ("suspend", "restore", "revoke"):
            assert operator.act(f"/admin/devices/{number}/{action}").status_code == 404
    assert logged(database) == []


def test_a_viewer_looks_and_is_offered_nothing(app: Flask, api: Api) -> None:
    viewer = Operator(app)
    viewer.sign_in(VIEWER)
    for page in (
        f"/admin/contributors/{api.device.contributor}",
        f"/admin/devices/{api.device.device}",
    ):
        shown = viewer.get(page).text
        assert "Suspend" not in shown
        assert "Revoke" not in shown
