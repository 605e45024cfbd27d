"""The API answers as its own description says, to whatever is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import schemathesis
from dva_agent.protocol import ROOT
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from server.db import Database
from server.openapi.document import document
from server.openapi.operations import OPERATIONS, Operation
from tests.server.api import Api, problem
from tests.server.known import known

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
DOCUMENT = msgspec.json.decode(msgspec.json.encode(document()))
EXAMPLES = 30
"""Of each operation."""

MADE_UP = st.sampled_from(["nothing", "path", "body", "token"])


def test_every_route_is_described_and_every_description_has_its_route(app: Flask) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(ROOT)))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(ROOT + "/")
    }
    assert routes == {(operation.method, operation.path) for operation in OPERATIONS}


def test_names_are_unique() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_it_is_served_to_everybody(api: Api) -> None:
    answer = api.get(ROOT + "/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1")


def test_it_has_every_message_and_says_what_it_is() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert {"Registration", "Lease", "Result", "Report", "Problem", "PairRef"} <= set(schemas)
    assert schemas["Result"]["properties"]["more"]["maximum"] == 8
    codes = DOCUMENT["paths"]["/leases/{lease}/result"]["post"]["responses"]["409"]
    told = codes["content"]["application/problem+json"]["schema"]["allOf"][1]
    assert "lease_abandoned" in told["properties"]["code"]["enum"]


# Hypothesis warns of a strategy by whether the global `random` has moved while it drew. These
# strategies leave that alone, but something left over from another test may not.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_whatever_is_asked_the_answer_is_described(
    operation: Operation, app: Flask, api: Api, pool: str, database: Database
) -> None:
    true = known(app, api, database)
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = _in_whole(app)
    cases = schema[operation.path][operation.method].as_strategy()
    of_path = re.findall(r"\{(\w+)\}", operation.path)
    true_names = st.fixed_dictionaries(
        {name: st.sampled_from(true.names[name]) for name in of_path}
    )
    true_bodies = (
        st.sampled_from(true.bodies[operation.body.__name__]) if operation.body else st.none()
    )

    @examples(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=cases, true_path=true_names, true_body=true_bodies, made_up=MADE_UP)
    def ask(
        case: Case, true_path: dict[str, str], true_body: dict[str, Any] | None, made_up: str
    ) -> None:
        # What is made up alone never gets past the door, so at most one part of it is.
        if made_up != "path":
            case.path_parameters = {**(case.path_parameters or {}), **true_path}
        if made_up != "body" and true_body is not None:
            case.body = true_body
        token = "made-up" if made_up == "token" else api.device.token
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    ask()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_needs_a_sign_in_is_refused_without_one(
    app: Flask, api: Api, pool: str, database: Database
) -> None:
    """Every route that says so, with a body that it would take, however the token is wrong."""
    true = known(app, api, database)
    tokens = ("", "Bearer ", "Bearer made-up", f"Basic {api.device.token}", api.device.token)
    asked = [operation for operation in OPERATIONS if operation.signed_in]
    assert len(asked) > 10
    for operation in asked:
        path = ROOT + re.sub(r"\{(\w+)\}", lambda found: true.names[found[1]][0], operation.path)
        body = true.bodies[operation.body.__name__][-1] if operation.body else None
        for token in tokens:
            answer = app.test_client().open(
                path, method=operation.method, json=body, headers={"Authorization": token}
            )
            problem(answer, 401, "not_signed_in")


def _in_whole(app: Flask) -> WSGIApplication:
    """The app, its answers read to their end: the test's client would leave files open."""

    def run(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        parts = app(environ, start)
        try:
            return [b"".join(parts)]
        finally:
            getattr(parts, "close", lambda: None)()

    return run
