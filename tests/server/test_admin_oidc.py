"""Signing in by a provider: who gets in, as what, and what is not believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from authlib.integrations.httpx_client import OAuth2Client
from flask import Flask
from joserfc import jwk
from sqlalchemy import select

from server import create_app
from server.admin import backoff, oidc, services
from server.admin.models import SignInFailure
from server.admin.oidc import Identity
from server.admin.provider import AWAY, KEPT
from server.admin.provider import Provider as Knowledge
from server.config import Settings
from server.db import Database, now
from server.errors import AccountError, ProviderAway, SettingsError
from tests.server.operator_pages import Operator, logged
from tests.server.provider import CLIENT, DISCOVERY, SECRET, Provider, providing

NETWORKS = count()
"""Of those who sign in: nobody waits for others' failures here."""
ROLES = "domain:example.org=viewer group:dva-operators=operator group:dva-admins=maintainer"
ANN = {"sub": "7", "email": "Ann@example.org", "email_verified": True}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as running:
        yield running


@pytest.fixture
def app(settings: Settings, database: Database, provider: Provider) -> Flask:
    changed = dataclasses.replace(
        settings,
        secret_key="k" * 32,
        oidc_issuer=provider.origin,
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles=ROLES,
    )
    return create_app(changed, database)


def leave(operator: Operator) -> str:
    answer = operator.get("/admin/sign-in/oidc")
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def sign_in(app: Flask, provider: Provider, **person: Any) -> Operator:
    """Whether that came to anything is for the test to see."""
    operator = Operator(app, address=f"10.0.{next(NETWORKS)}.7")
    provider.person = person
    operator.get(provider.let_in(leave(operator)).removeprefix("http://localhost"))
    return operator


def test_who_is_in_a_group_gets_its_role(
    app: Flask, provider: Provider, database: Database
) -> None:
    assert "/admin/sign-in/oidc" in Operator(app).get("/admin/sign-in").text
    ann = sign_in(app, provider, **ANN)
    assert ann.is_signed_in
    assert ", viewer</span>" in ann.get().text
    again = sign_in(app, provider, **ANN, groups=["staff", "dva-admins", "dva-operators"])
    assert ", maintainer</span>" in again.get().text
    with database.read() as session:
        [account] = services.accounts(session)
    assert account.name.startswith("ann-")
    assert [action for action, _, _ in logged(database)] == ["role changed", "account made"]
    assert again.act("/admin/sign-out").status_code == 303
    assert not again.is_signed_in


def test_who_has_no_role_is_out_and_so_are_their_sessions(
    app: Flask, provider: Provider, database: Database
) -> None:
    ann = sign_in(app, provider, **ANN)
    for person in (
        {"sub": "8", "email": "eve@elsewhere.example", "email_verified": True},
        {"sub": "8", "email": "eve@example.org", "email_verified": False},
        {"sub": "8", "email": "eve@example.org"},
        {"sub": "8", "groups": "dva-admins"},
    ):
        assert not sign_in(app, provider, **person).is_signed_in
    assert ann.is_signed_in
    assert not sign_in(app, provider, sub="7").is_signed_in
    assert not ann.is_signed_in
    with database.read() as session:
        assert len(services.accounts(session)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"azp": "another"},
        {"exp": 1},
        {"nonce": "of another sign-in"},
        {"sub": None},
    ],
    ids=str,
)
def test_a_token_that_isnt_for_this_sign_in(
    app: Flask, provider: Provider, database: Database, wrong: dict[str, Any]
) -> None:
    provider.wrong = wrong
    assert not sign_in(app, provider, **ANN).is_signed_in
    with database.read() as session:
        assert services.accounts(session) == []


def test_a_token_signed_by_somebody_else(app: Flask, provider: Provider) -> None:
    provider.signer = jwk.RSAKey.generate_key(2048, {"kid": "one"})
    assert not sign_in(app, provider, **ANN).is_signed_in


def test_an_answer_that_this_browser_didnt_ask_for(app: Flask, provider: Provider) -> None:
    provider.person = ANN
    mine, other = Operator(app), Operator(app)
    back = provider.let_in(leave(other)).removeprefix("http://localhost")
    for forged in (back, "/admin/sign-in/oidc/back", back.replace("state=", "state=x")):
        answer = mine.get(forged)
        assert answer.status_code == 403
        assert not mine.is_signed_in
    leave(mine)
    assert mine.get(back).status_code == 403, "another browser's question"
    assert other.get(back).status_code == 303
    assert other.is_signed_in
    assert Operator(app).get(back).status_code == 403, "and only once"


def test_a_provider_that_cant_be_reached(settings: Settings, database: Database) -> None:
    gone = dataclasses.replace(
        settings,
        secret_key="k" * 32,
        oidc_issuer="http://127.0.0.1:9",
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles=ROLES,
    )
    answer = Operator(create_app(gone, database)).get("/admin/sign-in/oidc")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "Your organisation&#39;s sign-in can&#39;t be reached at the moment." in answer.text
    assert "Whoever has a password here signs in with that." in answer.text


def test_it_is_asked_once_an_hour_and_when_a_key_is_new(app: Flask, provider: Provider) -> None:
    for _ in range(3):
        assert sign_in(app, provider, **ANN).is_signed_in
    assert provider.asked == [DISCOVERY, "/jwks_uri"]
    provider.change_key()
    assert sign_in(app, provider, **ANN).is_signed_in
    assert provider.asked[2:] == ["/jwks_uri"]
    at = now()
    known = Knowledge(
        Settings(
            oidc_issuer=provider.origin,
            oidc_client_id=CLIENT,
            oidc_client_secret=SECRET,
            oidc_roles=ROLES,
        ),
        clock=lambda: at,
    )
    provider.asked.clear()
    with OAuth2Client() as client:
        for later, times in ((timedelta(0), 1), (KEPT - AWAY, 1), (AWAY, 2)):
            at += later
            known.described(client)
            assert provider.asked == [DISCOVERY] * times
        provider.is_away = True
        known.forget()
        for _ in range(2):
            with pytest.raises(ProviderAway):
                known.described(client)
        assert provider.asked == [DISCOVERY] * 3, "who doesn't answer isn't asked again at once"
        provider.is_away = False
        at += AWAY
        assert known.described(client)["issuer"] == provider.origin


def test_attempts_by_a_provider_are_counted_by_network(app: Flask, provider: Provider) -> None:
    """As those with a password are: also those that only send a cookie again."""
    operator, provider.person = Operator(app), ANN
    back = provider.let_in(leave(operator)).removeprefix("http://localhost")
    cookie = operator.cookie()
    assert cookie
    for _ in range(backoff.FREE - 1):
        operator.put_cookie(cookie)
        assert operator.get(back.replace("code=", "code=x")).status_code == 403
    operator.put_cookie(cookie)
    for path in (back, "/admin/sign-in/oidc"):
        refused = operator.get(path)
        assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    assert Operator(app, address="198.51.100.9").get("/admin/sign-in/oidc").status_code == 303
    assert provider.tokens_asked == backoff.FREE - 1
    assert provider.asked == [DISCOVERY], "a wrong code makes nobody ask again"


@pytest.mark.parametrize("use", ["image", "iframe", "empty"])
def test_a_page_that_embeds_it_makes_no_attempts(
    app: Flask, provider: Provider, database: Database, use: str
) -> None:
    operator = Operator(app)
    for site in ("cross-site", "same-site"):
        sent = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": use}
        answer = operator.ask("GET", "/admin/sign-in/oidc", headers=sent)
        assert (answer.status_code, "Location" in answer.headers) == (403, False)
    with database.read() as session:
        assert session.scalars(select(SignInFailure)).all() == []
    linked = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    assert operator.ask("GET", "/admin/sign-in/oidc", headers=linked).status_code == 303


def test_without_a_provider_there_is_none(settings: Settings, database: Database) -> None:
    operator = Operator(create_app(dataclasses.replace(settings, secret_key="k" * 32), database))
    assert operator.get("/admin/sign-in/oidc").status_code == 404
    assert operator.get("/admin/sign-in/oidc/back?code=x&state=y").status_code == 403
    assert "organisation" not in operator.get("/admin/sign-in").text


def test_such_an_account_has_no_password(
    app: Flask, provider: Provider, database: Database
) -> None:
    sign_in(app, provider, **ANN)
    with database.read() as session:
        [account] = services.accounts(session)
    for password in ("", "x" * 12):
        assert Operator(app).sign_in(account.name, password).status_code == 403
    with pytest.raises(AccountError) as caught, database.write() as session:
        services.change_password(session, account.name, "correct horse battery")
    assert caught.value.code == "account_foreign"
    assert account.created_at <= now()


@pytest.mark.parametrize(
    "change",
    [
        {"oidc_issuer": "http://login.example.org"},
        {"oidc_issuer": "login.example.org"},
        {"oidc_client_id": ""},
        {"oidc_client_secret": ""},
        {"oidc_roles": ""},
    ],
    ids=str,
)
def test_settings_that_cant_be(change: dict[str, str]) -> None:
    right = Settings(
        oidc_issuer="https://login.example.org",
        oidc_client_id=CLIENT,
        oidc_client_secret=SECRET,
        oidc_roles=ROLES,
    )
    with pytest.raises(SettingsError):
        dataclasses.replace(right, **change)


def test_roles_of_groups_and_domains() -> None:
    nobody = Identity(key="k", name="n", email="", groups=[])
    assert oidc.role_of(ROLES, nobody) is None
    ann = dataclasses.replace(nobody, email="ann@EXAMPLE.org", groups=["dva-operators"])
    assert oidc.role_of(ROLES, ann) == "operator"
    assert oidc.role_of("group:a=b=viewer", dataclasses.replace(nobody, groups=["a=b"])) == "viewer"
    for wrong in ("viewer", "group:x", "group:=viewer", "team:x=viewer", "group:x=root"):
        with pytest.raises(SettingsError):
            oidc.mapping(wrong)
