"""Who may do what: each role against each route that needs a sign-in, and each state of a lease
against what can be asked of it. A route that is new is in the tables by itself, and has to be
described here where it isn't like the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from dva_agent.protocol import ROOT, Lease
from flask import Flask
from werkzeug.test import TestResponse

from server.contributors.models import QUARANTINED, SUSPENDED, Contributor, Device
from server.contributors.tokens import LIFETIME
from server.db import Database, now
from server.openapi.operations import OPERATIONS, Operation
from server.work.models import Lease as LeaseRow
from tests.keys import Keys
from tests.server.api import Api, problem, result_for
from tests.server.known import Known, known
from tests.server.test_accounts import deletion, later, revocation

WORK = {"post_leases", "post_leases_lease_heartbeat", "post_leases_lease_result"}
"""What somebody isn't admitted to who may still see their account, and go."""

Role = Callable[[Flask, Api, Database, pytest.MonkeyPatch], None]


def expired(_app: Flask, _api: Api, _database: Database, patch: pytest.MonkeyPatch) -> None:
    later(patch, LIFETIME)


def revoked(app: Flask, api: Api, _database: Database, _patch: pytest.MonkeyPatch) -> None:
    sibling = Api(app, Keys(api.keys.account))
    device = api.device.device
    assert (
        sibling.post(f"/me/devices/{device}/revoke", revocation(sibling, device)).status_code == 200
    )


def deleted(_app: Flask, api: Api, _database: Database, _patch: pytest.MonkeyPatch) -> None:
    assert api.post("/me/delete", deletion(api, api.device.contributor)).status_code == 200


def suspended(_app: Flask, api: Api, database: Database, _patch: pytest.MonkeyPatch) -> None:
    with database.write() as session:
        session.get_one(Contributor, api.device.contributor).state = SUSPENDED


def quarantined(_app: Flask, api: Api, database: Database, _patch: pytest.MonkeyPatch) -> None:
    with database.write() as session:
        session.get_one(Device, api.device.device).state = QUARANTINED


SHUT_OUT: dict[Role, str] = {
    expired: "token_expired",
    revoked: "device_revoked",
    deleted: "device_revoked",
}
NOT_ADMITTED: dict[Role, str] = {
    suspended: "contributor_suspended",
    quarantined: "device_quarantined",
}


@pytest.fixture
def everything(app: Flask, api: Api, pool: str, database: Database) -> Known:
    return known(app, api, database)


@pytest.mark.parametrize("role", SHUT_OUT, ids=lambda role: role.__name__)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_who_is_shut_out(
    role: Role,
    app: Flask,
    api: Api,
    everything: Known,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role(app, api, database, monkeypatch)
    for operation in _signed_in():
        problem(_ask(api, operation, everything), 401, SHUT_OUT[role])


@pytest.mark.parametrize("role", NOT_ADMITTED, ids=lambda role: role.__name__)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_who_is_not_admitted_sees_their_account_and_gives_back(
    role: Role,
    app: Flask,
    api: Api,
    everything: Known,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    role(app, api, database, monkeypatch)
    for operation in _signed_in():
        answer = _ask(api, operation, everything)
        if operation.name in WORK:
            problem(answer, 403, NOT_ADMITTED[role])
        else:
            assert answer.status_code in (200, 201, 204, 404, 422), (operation.name, answer.text)


LEASES = {
    # Its owner asks: of a lease that is held, done, given back, past its deadline, of nobody.
    "heartbeat": (None, "lease_expired", "lease_abandoned", "lease_expired", "lease_unknown"),
    "result": (None, None, "lease_abandoned", "lease_expired", "lease_unknown"),
    "abandon": (None, None, None, None, "lease_unknown"),
}


@pytest.mark.parametrize("what", LEASES)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_a_lease_can_be_asked(
    what: str, app: Flask, api: Api, pool: str, database: Database
) -> None:
    """By its state, of one that is the asker's own, and of a stranger's."""
    leases = api.lease(4).leases
    held, done, abandoned, late = leases
    api.finish(done)
    api.post(f"/leases/{abandoned.lease}/abandon")
    with database.write() as session:
        session.get_one(LeaseRow, late.lease).deadline = now() - timedelta(seconds=1)
    nobodys = msgspec.structs.replace(held, lease="0" * 32)

    def ask(who: Api, lease: Lease) -> TestResponse:
        body = api.signed(result_for(lease)) if what == "result" else None
        return who.post(f"/leases/{lease.lease}/{what}", body)

    stranger = Api(app)
    for lease in leases:
        problem(ask(stranger, lease), 403, "lease_not_yours")
    for lease, code in zip((held, done, abandoned, late, nobodys), LEASES[what], strict=True):
        answer = ask(api, lease)
        if code is None:
            assert answer.status_code in (200, 204)
        else:
            problem(answer, 404 if code == "lease_unknown" else 409, code)


def _signed_in() -> list[Operation]:
    found = [operation for operation in OPERATIONS if operation.signed_in]
    # Not what ends the account, first: it would shut everybody out.
    return sorted(found, key=lambda operation: operation.path == "/me/delete")


def _ask(api: Api, operation: Operation, everything: Known) -> TestResponse:
    path = ROOT + re.sub(r"\{(\w+)\}", lambda found: everything.names[found[1]][0], operation.path)
    body = everything.bodies[operation.body.__name__][-1] if operation.body else None
    headers = {"Authorization": f"Bearer {api.device.token}"}
    return api.client.open(path, method=operation.method, json=body, headers=headers)
