"""Which models are handed out: a maintainer's say, on the page and by commands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from dva_agent.bundle import Manifest
from dva_agent.protocol import LeaseRequest, Leases
from flask import Flask

from server import create_app
from server.admin import services
from server.admin.roles import OPERATOR
from server.config import Settings
from server.db import Database, now
from server.pools import licences
from server.pools.bundles import register
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.conftest import UNITS
from tests.server.operator_pages import NAME, PASSWORD, Operator, logged, said
from tests.server.test_admin_pages import text
from tests.server.test_licences import write_real


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
        services.create(session, OPERATOR, PASSWORD, now(), OPERATOR)
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def maintainer(app: Flask) -> Operator:
    signed_in = Operator(app)
    assert signed_in.sign_in().status_code == 303
    return signed_in


def test_a_licence_is_read_accepted_and_taken_back(
    maintainer: Operator, app: Flask, settings: Settings, database: Database, tmp_path: Path
) -> None:
    real = register_real(settings, tmp_path)
    page = f"/admin/bundles/{real.bundle}"
    assert "Be kind." in maintainer.get(page).text
    assert "licence not accepted" in text(maintainer.get("/admin/bundles").text)
    unread = maintainer.act(f"{page}/accept")
    assert unread.status_code == 409
    assert "The licence was not accepted." in unread.text
    assert not licences.is_accepted(settings, real)
    assert "is accepted." in said(maintainer, f"{page}/accept", read="yes")
    assert "or had it already" in said(maintainer, f"{page}/accept", read="yes")
    record = licences.acceptance(settings, real)
    assert record
    assert record.accepted_by == NAME
    assert f"Accepted by {NAME}" in text(maintainer.get(page).text)
    assert "no files, no leases" in maintainer.get(f"{page}/withdraw").text
    assert "isn&#39;t accepted any more" in said(maintainer, f"{page}/withdraw", why="a mistake")
    assert "wasn&#39;t accepted" in said(maintainer, f"{page}/withdraw")
    assert not licences.is_accepted(settings, real)
    licence = real.licence.name
    assert logged(database) == [
        (
            "licence withdrawn",
            real.bundle,
            {"name": real.name, "licence": licence, "why": "a mistake"},
        ),
        ("licence accepted", real.bundle, {"name": real.name, "licence": licence}),
    ]


def test_a_changed_text_cant_be_accepted(
    maintainer: Operator, settings: Settings, database: Database, tmp_path: Path
) -> None:
    real = register_real(settings, tmp_path)
    (settings.bundles / real.bundle / "LICENSE.txt").write_text("Pay up.")
    page = maintainer.get(f"/admin/bundles/{real.bundle}")
    assert "Pay up." not in page.text
    assert "is not the file that the manifest lists" in page.text
    answer = maintainer.act(f"/admin/bundles/{real.bundle}/accept", read="yes")
    assert answer.status_code == 409
    assert not licences.is_accepted(settings, real)
    assert logged(database) == []


def test_a_bundle_is_stopped_and_allowed(
    maintainer: Operator, api: Api, pool: str, manifest: Manifest, database: Database
) -> None:
    page = f"/admin/bundles/{manifest.bundle}"

    def asked() -> Leases:
        return api.ok(api.post("/leases", LeaseRequest(agents=["dva"], count=8)), Leases)

    assert api.prove(manifest.bundle)
    assert "other none native 1 100 %" in text(maintainer.get(page).text)
    assert "Nothing of its pools is handed out: test." in maintainer.get(f"{page}/stop").text
    assert "gets no new leases." in said(maintainer, f"{page}/stop", why="wrong weights")
    assert "got no new leases already." in said(maintainer, f"{page}/stop")
    idle = asked().idle
    assert idle
    assert idle.reason == "pool_paused"
    assert api.status().pools[0].paused
    assert "is handed out again." in said(maintainer, f"{page}/allow")
    assert "wasn&#39;t stopped." in said(maintainer, f"{page}/allow")
    assert len(asked().leases) == UNITS
    assert [action for action, _, _ in logged(database)] == ["bundle allowed", "bundle stopped"]


def test_an_operator_is_offered_nothing(app: Flask, pool: str, manifest: Manifest) -> None:
    operator = Operator(app)
    operator.sign_in(OPERATOR)
    shown = operator.get(f"/admin/bundles/{manifest.bundle}").text
    assert "Stop new leases" not in shown


def test_what_isnt_there(maintainer: Operator, database: Database) -> None:
    for number in ("none", "%00", "0" * 32, "..%2f"):
        assert maintainer.get(f"/admin/bundles/{number}").status_code == 404
        for action in ("accept", "withdraw", "stop", "allow"):
            path = f"/admin/bundles/{number}/{action}"
            assert maintainer.act(path, read="yes").status_code == 404
    assert logged(database) == []


def test_commands_do_the_same(
    dva: Dva, settings: Settings, pool: str, manifest: Manifest, database: Database
) -> None:
    name = manifest.name
    for command, says in (
        ("stop", f"{name} gets no new leases.\n"),
        ("stop", f"{name} gets no new leases already.\n"),
        ("allow", f"{name} is handed out again.\n"),
        ("allow", f"{name} was not stopped.\n"),
    ):
        done = dva(settings, "bundle", command, manifest.bundle)
        assert (done.status, done.err) == (0, says)
    assert [action for action, _, _ in logged(database)] == ["bundle allowed", "bundle stopped"]


def register_real(settings: Settings, folder: Path) -> Manifest:
    write_real(folder / "real")
    return register(folder / "real", settings.bundles)
