"""The log of what operators do: what is written, that it stays, how it is found again."""

from __future__ import annotations

import dataclasses
import re

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server import create_app
from server.admin import log, services
from server.config import Settings
from server.db import Database, now
from tests.server.operator_pages import NAME, PASSWORD, Operator


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    signed_in = Operator(app)
    assert signed_in.sign_in().status_code == 303
    return signed_in


def fill(database: Database, count: int = 1) -> None:
    with database.write() as session:
        account = services.accounts(session)[0]
        for number in range(count):
            log.record(session, account, "priority changed", f"pool-{number}", {"after": number})
        log.record(session, None, "suspended", "50%_off\0/<b>", {"why": "x\0y", "user": "root"})


def test_coming_and_going_is_logged(operator: Operator, database: Database) -> None:
    operator.sign_out()
    with database.read() as session:
        found = log.entries(session)
    assert [(each.account, each.action) for each in found] == [
        (NAME, "signed out"),
        (NAME, "signed in"),
    ]
    assert found[0].number > found[1].number


def test_nobody_can_change_what_was_logged(app: Flask, database: Database) -> None:
    fill(database)
    for change in ("UPDATE admin_log SET account = 'bob'", "DELETE FROM admin_log"):
        with pytest.raises(DBAPIError, match="only ever added to"), database.write() as session:
            session.execute(text(change))
    with database.read() as session:
        assert len(log.entries(session)) == 2


def test_what_was_not_done_is_not_logged(app: Flask, database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        log.record(session, None, "suspended", "somebody")
        raise RuntimeError
    with database.read() as session:
        assert log.entries(session) == []


def test_it_is_found_again(app: Flask, database: Database) -> None:
    fill(database, 3)

    def subjects(**wanted: str) -> list[str]:
        with database.read() as session:
            return [entry.subject for entry in log.entries(session, **wanted)]  # type: ignore[arg-type]

    assert subjects() == ["50%_off/<b>", "pool-2", "pool-1", "pool-0"]
    assert subjects(account=NAME) == ["pool-2", "pool-1", "pool-0"]
    assert subjects(account="") == ["50%_off/<b>"]
    assert subjects(subject="ool-1") == ["pool-1"]
    assert subjects(subject="%") == subjects(subject="0%_o") == ["50%_off/<b>"]
    assert subjects(account=NAME, subject="%\0") == []


def test_the_page_shows_it_by_fifties(operator: Operator, database: Database) -> None:
    fill(database, log.SHOWN)
    page = operator.get("/admin/log").text
    assert page.count("<time ") == log.SHOWN + 1
    assert "command line, by root" in page
    assert "50%_off/&lt;b&gt;" in page
    older = re.search(r'href="(/admin/log\?before=\d+)" rel="next"', page)
    assert older
    last = operator.get(older[1]).text
    assert last.count("<time ") == 3
    assert "signed in" in last
    assert 'rel="next"' not in last
    only = operator.get(f"/admin/log?account={NAME}&subject=pool-7").text
    assert "pool-7" in only
    assert "pool-8" not in only
    assert "Nothing here of that kind." in operator.get("/admin/log?subject=nothing%00").text
    for odd in ("before=x", "before=99999999999999999999", "before=%C2%B2", "account=%27"):
        assert operator.get(f"/admin/log?{odd}").status_code == 200
