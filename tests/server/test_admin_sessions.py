"""Where operators are signed in: seen, and ended by themselves or by a maintainer."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from server import create_app
from server.admin import services
from server.admin.browsers import browser_name
from server.admin.models import AdminSession
from server.admin.roles import MAINTAINER, OPERATOR, VIEWER
from server.config import Settings
from server.db import Database, now
from tests.server.operator_pages import PASSWORD, Operator, logged, said
from tests.server.test_admin_pages import text

PAGE = "/admin/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        for role in (VIEWER, OPERATOR, MAINTAINER):
            services.create(session, role, PASSWORD, now(), role)
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


def signed_in(
    app: Flask, name: str, browser: str = FIREFOX, address: str = "192.0.2.7"
) -> Operator:
    operator = Operator(app, browser=browser, address=address)
    assert operator.sign_in(name).status_code == 303
    return operator


def ends(page: str) -> list[str]:
    """Where the page's buttons go, by their order."""
    return re.findall(rf'action="({PAGE}/[0-9a-f]{{16}}/end)"', page)


def test_one_ends_ones_own_and_sees_no_others(app: Flask, database: Database) -> None:
    viewer = signed_in(app, VIEWER)
    phone = signed_in(app, VIEWER, PHONE, "198.51.100.9")
    operator = signed_in(app, OPERATOR)
    page = viewer.get(PAGE).text
    assert "Firefox 133 on Linux this one 192.0.2.0/24" in text(page)
    assert "Safari 18 on iPhone 198.51.100.0/24" in text(page)
    assert "Those of others" not in page
    [last, first] = ends(page)
    [foreign] = ends(operator.get(PAGE).text)
    assert viewer.act(foreign).status_code == 404
    assert operator.is_signed_in
    assert f"The session of {VIEWER} in Safari 18 on iPhone is ended." in said(viewer, last)
    assert not phone.is_signed_in
    assert viewer.act(last).status_code == 404
    again = [signed_in(app, VIEWER) for _ in range(2)]
    assert "is signed in nowhere else now." in said(viewer, f"{PAGE}/end-others")
    assert "wasn&#39;t signed in anywhere else." in said(viewer, f"{PAGE}/end-others")
    assert not any(each.is_signed_in for each in again)
    assert viewer.is_signed_in
    assert operator.is_signed_in
    # The last is one's own, which signs out.
    assert viewer.act(first).status_code == 303
    assert not viewer.is_signed_in
    entries = logged(database)
    assert [(action, subject) for action, subject, _ in entries] == [
        ("session ended", VIEWER),
        ("other sessions ended", VIEWER),
        ("session ended", VIEWER),
    ]
    assert entries[1][2] == {"sessions": 2}
    assert entries[2][2]["browser"] == "Safari 18 on iPhone"
    assert entries[2][2]["network"] == "198.51.100.0/24"


def test_a_maintainer_ends_those_of_others(app: Flask, database: Database) -> None:
    operator, maintainer = signed_in(app, OPERATOR), signed_in(app, MAINTAINER, "", "127.0.0.1")
    page = maintainer.get(PAGE).text
    assert "unknown this one this machine" in text(page)
    [own, foreign] = ends(page)
    assert ends(operator.get(PAGE).text) == [foreign]
    assert f"The session of {OPERATOR} in Firefox 133 on Linux is ended." in said(
        maintainer, foreign
    )
    assert not operator.is_signed_in
    assert "Nobody else is signed in." in maintainer.get(PAGE).text
    for nowhere in (f"{PAGE}/none/end", f"{PAGE}/%00/end", foreign):
        assert maintainer.act(nowhere).status_code == 404
    assert maintainer.is_signed_in
    assert [entry[:2] for entry in logged(database)] == [("session ended", OPERATOR)]
    assert own != foreign


def test_when_somebody_was_last_seen_is_kept_to_the_minute(app: Flask, database: Database) -> None:
    viewer = signed_in(app, VIEWER)

    def seen_at(ago: timedelta) -> timedelta:
        at = now()
        with database.write() as session:
            session.execute(update(AdminSession).values(seen_at=at - ago))
        viewer.get(PAGE)
        with database.read() as session:
            return session.scalars(select(AdminSession.seen_at)).one() - at

    assert seen_at(timedelta(seconds=30)) == -timedelta(seconds=30)
    assert seen_at(timedelta(minutes=2)) >= timedelta(0)


@pytest.mark.parametrize(
    ("says", "name"),
    [
        (FIREFOX, "Firefox 133 on Linux"),
        (PHONE, "Safari 18 on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0) Chrome/131.0.0.0 Safari/537.36 Edg/131.0",
            "Edge 131 on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) Chrome/131.0.0.0 Safari/537.36",
            "Chrome 131 on Android",
        ),
        ("Firefox/99999999", "Firefox 9999 on unknown"),
        ("Firefox/1<script>", "Firefox 1 on unknown"),
        ("curl/8", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_a_browser_is_called(says: str, name: str) -> None:
    assert browser_name(says) == name
