"""Signing in to the operator's pages: who gets in, who doesn't, and what an attacker learns."""

from __future__ import annotations

import dataclasses
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import extract_parameters
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from server import create_app
from server.admin import backoff, passwords, services
from server.admin.models import AdminSession, SignInFailure
from server.config import Settings
from server.db import Database, now
from server.errors import AccountError, SettingsError
from server.keys import secret_key
from tests.server.operator_pages import NAME, PASSWORD, Operator

KEY = "k" * 32
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    """With an account. On PostgreSQL a key has to be set."""
    with database.write() as session:
        services.create(session, NAME, PASSWORD, now())
    return create_app(dataclasses.replace(settings, secret_key=KEY), database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    return Operator(app)


def test_nothing_is_shown_before_the_sign_in(operator: Operator) -> None:
    for path in ("/admin", "/admin/pools/test", "/admin/nothing"):
        answer = operator.get(path)
        if answer.status_code != 404:
            assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/sign-in")
        assert NAME not in answer.text
    assert operator.post("/admin/sign-out").headers["Location"] == "/admin/sign-in"


def test_in_and_out(operator: Operator) -> None:
    answer = operator.sign_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")
    cookie = operator.cookie()
    assert cookie
    set_cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/admin", "Expires="):
        assert part in set_cookie
    assert "Secure" not in set_cookie
    assert operator.is_signed_in
    assert operator.get().headers["Cache-Control"] == "no-store"
    assert operator.get("/admin/sign-in").headers["Location"] == "/admin"
    assert operator.sign_out().status_code == 303
    assert not operator.is_signed_in
    operator.put_cookie(cookie)
    assert not operator.is_signed_in, "the session is over on the server, not only in the browser"


def test_over_https_the_cookie_stays_there(app: Flask) -> None:
    answer = Operator(app, scheme="https").sign_in()
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_a_proxys_word_counts_only_when_it_is_told_of(settings: Settings, app: Flask) -> None:
    database = app.extensions["dva-database"]
    for proxies, expected in ((0, False), (1, True)):
        changed = dataclasses.replace(settings, secret_key=KEY, proxies=proxies)
        client = create_app(changed, database).test_client()
        page = client.get("/admin/sign-in", headers={"X-Forwarded-Proto": "https"})
        assert ("; Secure" in page.headers["Set-Cookie"]) is expected


def test_a_wrong_password_and_a_wrong_name_look_the_same(operator: Operator) -> None:
    wrong = operator.sign_in(password="not the password")
    unknown = operator.sign_in(name="bob")
    odd = operator.sign_in(name="x\0'\" or 1=1")
    assert {wrong.status_code, unknown.status_code, odd.status_code} == {403}
    for answer in (wrong, unknown, odd):
        assert "The name or the password is wrong." in answer.text
        assert PASSWORD not in answer.text
    assert not operator.is_signed_in


def test_nobodys_hash_costs_what_a_real_one_does() -> None:
    assert extract_parameters(passwords.NOBODY) == extract_parameters(passwords.hashed(PASSWORD))
    assert not passwords.matches(passwords.NOBODY, PASSWORD)


def test_another_site_cant_sign_anybody_in_or_out(operator: Operator) -> None:
    assert operator.post("/admin/sign-in", name=NAME, password=PASSWORD).status_code == 403
    operator.form()
    forged = operator.post("/admin/sign-in", name=NAME, password=PASSWORD, token="guess")
    assert forged.status_code == 403
    operator.sign_in()
    operator.post("/admin/sign-out", token="guess")
    assert operator.is_signed_in


def test_the_form_token_changes_with_the_sign_in(operator: Operator) -> None:
    before = operator.form()
    operator.sign_in()
    assert operator.form("/admin") != before


def test_a_forged_or_foreign_cookie_is_none(operator: Operator, app: Flask) -> None:
    operator.sign_in()
    cookie = operator.cookie()
    assert cookie
    other = Operator(app)
    for forged in (cookie[:-4] + "AAAA", "x", "", "." * 300):
        other.put_cookie(forged)
        assert not other.is_signed_in


def test_a_session_ends_by_itself(operator: Operator, database: Database) -> None:
    operator.sign_in()
    with database.write() as session:
        session.execute(update(AdminSession).values(expires_at=now()))
    assert not operator.is_signed_in


def test_who_is_removed_or_has_a_new_password_is_out_at_once(
    operator: Operator, database: Database
) -> None:
    operator.sign_in()
    with database.write() as session:
        services.change_password(session, NAME, "another long password")
    assert not operator.is_signed_in
    assert operator.sign_in(password="another long password").status_code == 303
    with database.write() as session:
        services.remove(session, NAME)
    assert not operator.is_signed_in
    assert operator.sign_in(password="another long password").status_code == 403


def test_what_is_stored_opens_nothing(operator: Operator, database: Database) -> None:
    operator.sign_in()
    with database.read() as session:
        [row] = session.scalars(select(AdminSession)).all()
        [account] = services.accounts(session)
    assert operator.cookie()
    assert row.token_sha256 not in (operator.cookie() or "")
    assert account.password_hash.startswith("$argon2id$")
    assert PASSWORD not in account.password_hash


def test_failures_make_the_next_attempt_wait(app: Flask, database: Database) -> None:
    operator = Operator(app)
    for _ in range(backoff.FREE):
        assert operator.sign_in(password="wrong password!").status_code == 403
    refused = operator.sign_in()
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= backoff.FIRST_S
    assert "Wait" in refused.text
    elsewhere = Operator(app, address="198.51.100.9")
    assert elsewhere.sign_in().status_code == 429, "the account waits, wherever the attempt is from"
    assert elsewhere.sign_in(name="bob").status_code == 403
    neighbour = Operator(app, address="192.0.2.200")
    assert neighbour.sign_in(name="carol").status_code == 429, "the network waits too"
    with database.write() as session:
        session.execute(update(SignInFailure).values(last_at=now() - timedelta(minutes=2)))
    assert operator.sign_in().status_code == 303
    with database.read() as session:
        assert len(session.scalars(select(SignInFailure)).all()) == 2, "bob's, elsewhere"


def test_attempts_at_once_dont_share_one_count(app: Flask, database: Database) -> None:
    with ThreadPoolExecutor(4) as threads:
        attempts = [threads.submit(Operator(app).sign_in, NAME, "wrong password") for _ in range(4)]
        assert {attempt.result().status_code for attempt in attempts} == {403}
    with database.read() as session:
        assert {row.failures for row in session.scalars(select(SignInFailure))} == {4}


def test_no_more_attempts_get_through_at_once_than_one_by_one(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many have read the count before the first has raised it."""
    together, judge = threading.Barrier(4), backoff.wait_s

    def at_once(*args: Any, **limit: float) -> float:
        with suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return judge(*args, **limit)

    with database.write() as session:
        services._begin_attempt(session, services._limits(None, account=NAME), now())
        session.execute(update(SignInFailure).values(failures=backoff.FREE - 1))
    monkeypatch.setattr(backoff, "wait_s", at_once)
    others = [Operator(app, address=f"10.{number}.0.7") for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda each: each.sign_in(password="wrong password"), others)
        statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [403, 429, 429, 429]


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("Alice", PASSWORD, "account_invalid"),
        ("", PASSWORD, "account_invalid"),
        ("a" * 41, PASSWORD, "account_invalid"),
        ("alice", PASSWORD, "account_exists"),
        ("bob", "eleven char", "password_refused"),
        ("bob", "x" * 1025, "password_refused"),
    ],
)
def test_accounts_that_arent_made(
    app: Flask, database: Database, name: str, password: str, code: str
) -> None:
    with pytest.raises(AccountError) as caught, database.write() as session:
        services.create(session, name, password, now())
    assert caught.value.code == code
    assert caught.value.next_step
    with database.read() as session:
        assert [account.name for account in services.accounts(session)] == [NAME]


def test_the_same_letters_are_the_same_password() -> None:
    kept = passwords.hashed("cafe\u0301 au lait, s'il vous plait")
    assert passwords.matches(kept, "caf\u00e9 au lait, s'il vous plait")
    assert not passwords.matches("no hash", PASSWORD)


@given(failures=st.integers(0, 10_000), late=st.floats(0, 90_000))
def test_waits_grow_up_to_a_limit(failures: int, late: float) -> None:
    at = AT + timedelta(seconds=late)
    waits = [
        backoff.wait_s(count, AT, at, longest_s=backoff.NETWORK_LONGEST_S)
        for count in (failures, failures + 1)
    ]
    assert 0 <= waits[0] <= waits[1] <= backoff.NETWORK_LONGEST_S
    if failures < backoff.FREE or late >= backoff.NETWORK_LONGEST_S:
        assert waits[0] == 0


def test_behind_a_proxy_nobody_told_of_only_the_account_waits(app: Flask) -> None:
    """Its address stands for everybody."""
    here = Operator(app, address="127.0.0.1")
    for _ in range(backoff.FREE):
        here.sign_in(password="wrong password!")
    assert here.sign_in().status_code == 429
    assert here.sign_in(name="bob").status_code == 403


def test_the_key(settings: Settings) -> None:
    assert secret_key(dataclasses.replace(settings, secret_key=KEY)) == KEY
    if not settings.is_embedded:
        with pytest.raises(SettingsError, match="DVA_SECRET_KEY"):
            secret_key(dataclasses.replace(settings, secret_key=""))
        return
    with ThreadPoolExecutor(8) as threads:
        [key] = set(threads.map(lambda _: secret_key(settings), range(8)))
    assert key
    assert len(key) >= 32
    path = settings.data / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in settings.data.glob("*secret*")] == ["secret.key"]


def test_before_there_is_an_account(settings: Settings, database: Database) -> None:
    operator = Operator(create_app(settings, database))
    assert operator.get().status_code == 303
    assert "There is no account yet" in operator.get("/admin/sign-in").text
