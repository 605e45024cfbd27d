"""Who may do what below /admin: every route that the server has, each role, each way in."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest
from flask import Flask

from server import create_app
from server.admin import door, roles, services
from server.admin.roles import MAINTAINER, OPERATOR, ROLES, VIEWER, Role
from server.config import Settings
from server.db import Database, now
from server.web import NUMBER
from tests.server.operator_pages import PASSWORD, Operator

OPEN = {
    ("GET", "/admin/sign-in"),
    ("POST", "/admin/sign-in"),
    ("GET", "/admin/sign-in/oidc"),
    ("GET", "/admin/sign-in/oidc/back"),
}
BENCH = "/admin/pools/<name>/workbench"
LEAST: dict[tuple[str, str], Role] = {
    ("GET", "/admin/selections"): OPERATOR,
    ("GET", BENCH): OPERATOR,
    ("GET", f"{BENCH}/counting"): OPERATOR,
    ("GET", f"{BENCH}/line"): OPERATOR,
    ("GET", f"{BENCH}/pairs"): OPERATOR,
    ("GET", f"{BENCH}/pictures/<unit>/<uid>"): OPERATOR,
    ("GET", f"{BENCH}/selections"): OPERATOR,
    ("GET", f"{BENCH}/selections/{NUMBER}/<file>"): OPERATOR,
    ("POST", f"{BENCH}/count"): OPERATOR,
    ("POST", f"{BENCH}/snapshot"): OPERATOR,
    ("POST", f"{BENCH}/jobs/{NUMBER}/stop"): OPERATOR,
    ("POST", f"{BENCH}/lists"): OPERATOR,
    ("POST", f"{BENCH}/lists/<title>/remove"): OPERATOR,
    ("POST", f"{BENCH}/cut"): MAINTAINER,
    ("GET", f"{BENCH}/selections/{NUMBER}/delete"): MAINTAINER,
    ("POST", f"{BENCH}/selections/{NUMBER}/delete"): MAINTAINER,
    ("POST", f"{BENCH}/selections/{NUMBER}/publish"): MAINTAINER,
    ("POST", f"{BENCH}/selections/{NUMBER}/unpublish"): MAINTAINER,
    ("GET", "/admin"): VIEWER,
    ("GET", "/admin/history"): VIEWER,
    ("GET", "/admin/economics"): VIEWER,
    ("POST", "/admin/sign-out"): VIEWER,
    ("GET", "/admin/pools"): VIEWER,
    ("GET", "/admin/pools/<name>"): VIEWER,
    ("POST", "/admin/pools/<name>/pause"): OPERATOR,
    ("POST", "/admin/pools/<name>/resume"): OPERATOR,
    ("POST", "/admin/pools/<name>/priority"): OPERATOR,
    ("GET", "/admin/pools/<name>/shards/<shard>/set-aside"): OPERATOR,
    ("POST", "/admin/pools/<name>/shards/<shard>/set-aside"): OPERATOR,
    ("POST", "/admin/pools/<name>/shards/<shard>/restore"): OPERATOR,
    ("GET", "/admin/contributors"): VIEWER,
    ("GET", "/admin/contributors/<number>"): VIEWER,
    ("GET", "/admin/contributors/<number>/suspend"): OPERATOR,
    ("POST", "/admin/contributors/<number>/suspend"): OPERATOR,
    ("POST", "/admin/contributors/<number>/appeal"): OPERATOR,
    ("GET", "/admin/devices"): VIEWER,
    ("GET", "/admin/devices/<number>"): VIEWER,
    ("GET", "/admin/devices/<number>/suspend"): OPERATOR,
    ("POST", "/admin/devices/<number>/suspend"): OPERATOR,
    ("POST", "/admin/devices/<number>/restore"): OPERATOR,
    ("GET", "/admin/devices/<number>/revoke"): OPERATOR,
    ("POST", "/admin/devices/<number>/revoke"): OPERATOR,
    ("GET", "/admin/bundles"): VIEWER,
    ("GET", "/admin/bundles/<number>"): VIEWER,
    ("POST", "/admin/bundles/<number>/accept"): MAINTAINER,
    ("GET", "/admin/bundles/<number>/withdraw"): MAINTAINER,
    ("POST", "/admin/bundles/<number>/withdraw"): MAINTAINER,
    ("GET", "/admin/bundles/<number>/stop"): MAINTAINER,
    ("POST", "/admin/bundles/<number>/stop"): MAINTAINER,
    ("POST", "/admin/bundles/<number>/allow"): MAINTAINER,
    ("GET", "/admin/reports"): VIEWER,
    ("GET", f"/admin/reports/{NUMBER}/picture"): VIEWER,
    ("POST", f"/admin/reports/{NUMBER}/decide"): OPERATOR,
    ("GET", "/admin/log"): OPERATOR,
    ("GET", "/admin/sessions"): VIEWER,
    ("POST", "/admin/sessions/<number>/end"): VIEWER,
    ("POST", "/admin/sessions/end-others"): VIEWER,
}
"""By hand, so that a route whose role was forgotten, or changed, is noticed."""
Route = tuple[str, str]


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    with database.write() as session:
        for role in ROLES:
            services.create(session, role, PASSWORD, now(), role)
    return create_app(dataclasses.replace(settings, secret_key="k" * 32), database)


@pytest.fixture
def people(app: Flask) -> dict[Role, Operator]:
    signed_in = {role: Operator(app) for role in ROLES}
    for role, operator in signed_in.items():
        assert operator.sign_in(role).status_code == 303
    return signed_in


def routes(app: Flask) -> Iterator[tuple[Route, str]]:
    for rule in app.url_map.iter_rules():
        if rule.rule == "/admin" or rule.rule.startswith("/admin/"):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield (method, rule.rule), rule.endpoint


def address(route: Route) -> str:
    """With something in place of each part that is asked for."""
    return re.sub(r"<[^>]+>", "none", route[1].replace(NUMBER, "1"))


def test_every_route_takes_the_role_it_is_meant_to(app: Flask) -> None:
    with app.app_context():
        found = {route: door.least_role(name, route[0]) for route, name in routes(app)}
    assert found == {**LEAST, **dict.fromkeys(OPEN, None)}


def test_nobody_gets_further_than_their_role(app: Flask, people: dict[Role, Operator]) -> None:
    """Asked of the server, whatever the pages offer."""
    for route, _ in routes(app):
        if route in OPEN or route[1] == "/admin/sign-out":
            continue
        method, path = route[0], address(route)
        stranger = Operator(app).ask(method, path)
        assert (stranger.status_code, stranger.headers["Location"]) == (303, "/admin/sign-in")
        for role, operator in people.items():
            answer = operator.ask(method, path, data={"token": operator.form("/admin")})
            refused = answer.status_code == 403 and "This takes the role of" in answer.text
            assert refused is not roles.may(role, LEAST[route]), (route, role, answer.status_code)


def test_no_post_goes_through_without_our_form(app: Flask, people: dict[Role, Operator]) -> None:
    for route, _ in routes(app):
        if route[0] in door.SAFE:
            continue
        for sent in ({}, {"token": ""}, {"token": "guess"}):
            answer = people[MAINTAINER].ask("POST", address(route), data=sent)
            assert answer.status_code in (303, 403) if route in OPEN else answer.status_code == 403
            assert "This form was not the one" in answer.text
    assert people[MAINTAINER].is_signed_in


def test_a_script_sends_the_forms_token_as_a_header(people: dict[Role, Operator]) -> None:
    operator = people[OPERATOR]
    wrong = operator.ask("POST", "/admin/sign-out", headers={door.FORM_HEADER: "guess"})
    assert wrong.status_code == 403
    assert f'"{door.FORM_HEADER}": "{operator.form("/admin")}"' in operator.get().text
    right = {door.FORM_HEADER: operator.form("/admin")}
    assert operator.ask("POST", "/admin/sign-out", headers=right).status_code == 303
    assert not operator.is_signed_in


def test_a_script_is_sent_to_the_sign_in_as_a_whole(app: Flask) -> None:
    answer = Operator(app).ask("GET", "/admin", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/admin/sign-in")


def test_each_is_led_only_to_where_they_may_go(people: dict[Role, Operator]) -> None:
    for role, operator in people.items():
        page = operator.get().text
        places = re.findall(r'href="([^"]+)"', page[page.index("<nav") : page.index("</nav>")])
        assert len(places) >= 5
        for place in places:
            assert operator.get(place).status_code == 200, (role, place)


def test_a_role_that_is_taken_away_is_gone_at_once(
    database: Database, people: dict[Role, Operator]
) -> None:
    operator = people[OPERATOR]
    assert operator.get("/admin/log").status_code == 200
    assert ">Log</a>" in operator.get().text
    with database.write() as session:
        assert services.change_role(session, OPERATOR, VIEWER) == OPERATOR
    assert operator.get("/admin/log").status_code == 403
    assert ">Log</a>" not in operator.get().text


def test_roles_are_in_order() -> None:
    for position, role in enumerate(ROLES):
        assert [roles.may(role, least) for least in ROLES] == [
            place <= position for place in range(len(ROLES))
        ]
