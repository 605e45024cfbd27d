"""A client written from docs/protocol.md alone comes through, and whatever a hostile one tries is
refused with its code and changes nothing."""

from __future__ import annotations

import ast
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import select

from server.contributors import services
from server.contributors.models import Device
from server.contributors.tokens import LIFETIME
from server.db import Database, now
from tests.server import stranger
from tests.server.stranger import Json, Stranger, account_key, said, text
from tests.server.test_refused_results import Rows, everything

WORDS = "abandon " * 11 + "about"
SCORES = [0.25, -0.5, 0.125, 1.0]
"""Of a unit's four pairs."""


@pytest.fixture
def http(app: Flask, pool: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=httpx.WSGITransport(app), base_url="http://127.0.0.1:8000"
    ) as client:
        yield client


def stored(database: Database) -> Rows:
    """All but the count of refusals themselves."""
    return {name: rows for name, rows in everything(database).items() if name != "problem_count"}


def known(database: Database) -> list[Any]:
    """The devices, but for how much they took today."""
    own = (Device.id, Device.contributor_id, Device.public_key, Device.certificate)
    with database.read() as session:
        rows = session.execute(
            select(*own, Device.state, Device.revoked_at, Device.quota).order_by(Device.id)
        )
        return [tuple(row) for row in rows]


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_it_knows_nothing_of_this_project() -> None:
    tree = ast.parse(Path(stranger.__file__).read_text())
    named = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert not named & {"server", "dva_agent", "export", "tests", ""}


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_an_honest_one_comes_through(http: httpx.Client, algorithm: str) -> None:
    mine = Stranger(http, account_key(WORDS), algorithm)
    assert mine.register().status_code == 201
    assert mine.contributor == "9972364465c41102be534c76f28f036a"
    lease = mine.lease()
    pairs = mine.fetch(lease)
    assert all(image and caption for image, caption in pairs)
    result = mine.result(lease, SCORES[: len(pairs)])
    for _ in range(2):
        answer = mine.post(lease, result)
        assert (answer.status_code, answer.json()["pairs_scored"]) == (200, len(pairs))
    # ECDSA signs anew each time; the result is the same.
    assert mine.post(lease, mine.result(lease, SCORES)).status_code == 200
    known = mine.device
    assert mine.register().status_code == 201
    assert mine.device == known
    second = Stranger(http, mine.account)
    second.register()
    assert second.contributor == mine.contributor
    assert second.revoke(known).status_code == 200
    refused(mine.ask("GET", "/me"), 401, "device_revoked")


def replayed(mine: Stranger, other: Stranger) -> httpx.Response:
    """A result that was posted before, under another lease."""
    first, second = mine.lease(), mine.lease()
    result = mine.result(first, SCORES)
    return mine.post(second, {**result, "lease": second["lease"]})


def with_another_key(mine: Stranger, other: Stranger) -> httpx.Response:
    lease = mine.lease()
    mine.key = other.key
    return mine.post(lease, mine.result(lease, SCORES))


def with_altered_scores(mine: Stranger, other: Stranger) -> httpx.Response:
    lease = mine.lease()
    result = mine.result(lease, SCORES)
    return mine.post(lease, {**result, "scores": mine.result(lease, [0.5] * 4)["scores"]})


def of_another_unit(mine: Stranger, other: Stranger) -> httpx.Response:
    lease, elsewhere = mine.lease(), mine.lease()
    return mine.post(lease, mine.result({**lease, "unit": elsewhere["unit"]}, SCORES))


def for_another_device(mine: Stranger, other: Stranger) -> httpx.Response:
    lease = mine.lease()
    return other.post(lease, other.result(lease, SCORES))


def with_a_stolen_token(mine: Stranger, other: Stranger) -> httpx.Response:
    """Who has the token hasn't the key."""
    lease = mine.lease()
    other.token = mine.token
    return other.post(lease, other.result(lease, SCORES))


def as_another_device(mine: Stranger, other: Stranger) -> httpx.Response:
    asked = other.renewal(other.challenge())
    return other.ask("POST", "/sessions", {**asked, "device": mine.device})


def with_another_challenge(mine: Stranger, other: Stranger) -> httpx.Response:
    asked = mine.renewal(mine.challenge())
    return mine.ask("POST", "/sessions", {**asked, "challenge": text(mine.challenge())})


def with_a_made_up_challenge(mine: Stranger, other: Stranger) -> httpx.Response:
    return mine.ask("POST", "/sessions", mine.renewal(bytes(56)))


def with_anothers_certificate(mine: Stranger, other: Stranger) -> httpx.Response:
    """To have one's work counted for another account, or another's for one's own."""
    theirs = other.registration(other.challenge())
    new = Stranger(mine._http)
    return new.ask(
        "POST",
        "/devices",
        {**new.registration(new.challenge()), "account_key": theirs["account_key"]},
    )


def a_key_for_two_accounts(mine: Stranger, other: Stranger) -> httpx.Response:
    other.key = mine.key
    return other.register()


def a_proof_as_a_revocation(mine: Stranger, other: Stranger) -> httpx.Response:
    """What was signed for one purpose, used for another."""
    challenge = mine.challenge()
    signed = mine.account.sign(said("dva session 2", challenge, mine.seen, mine.device.encode()))
    body = {"challenge": text(challenge), "signature": text(signed)}
    return mine.ask("POST", f"/me/devices/{mine.device}/revoke", body)


ELSEWHERE = b"https://other.example.org"


def introduced_by_another_server(mine: Stranger, other: Stranger) -> httpx.Response:
    """It gave this server's challenge to one of its own visitors."""
    visitor = Stranger(mine._http)
    visitor.seen = ELSEWHERE
    return visitor.register()


def signed_in_by_another_server(mine: Stranger, other: Stranger) -> httpx.Response:
    mine.seen = ELSEWHERE
    return mine.ask("POST", "/sessions", mine.renewal(mine.challenge()))


def deleted_at_another_server(mine: Stranger, other: Stranger) -> httpx.Response:
    mine.seen = ELSEWHERE
    return mine.ask("POST", "/me/delete", mine.consent("dva delete 2", mine.contributor))


def deleted_at_another_server_that_says_it_is_this_one(
    mine: Stranger, other: Stranger
) -> httpx.Response:
    mine.seen = ELSEWHERE
    mine._http.headers["Host"] = "other.example.org"
    return mine.ask("POST", "/me/delete", mine.consent("dva delete 2", mine.contributor))


def revoking_anothers(mine: Stranger, other: Stranger) -> httpx.Response:
    return mine.revoke(other.device)


def deleting_another(mine: Stranger, other: Stranger) -> httpx.Response:
    return mine.ask("POST", "/me/delete", mine.consent("dva delete 2", other.contributor))


Attack = Callable[[Stranger, Stranger], httpx.Response]
ATTACKS: dict[Attack, tuple[int, str]] = {
    replayed: (422, "signature_invalid"),
    with_another_key: (422, "signature_invalid"),
    with_altered_scores: (422, "signature_invalid"),
    of_another_unit: (422, "signature_invalid"),
    for_another_device: (403, "lease_not_yours"),
    with_a_stolen_token: (422, "signature_invalid"),
    as_another_device: (422, "signature_invalid"),
    with_another_challenge: (422, "signature_invalid"),
    with_a_made_up_challenge: (422, "challenge_invalid"),
    with_anothers_certificate: (422, "signature_invalid"),
    a_key_for_two_accounts: (409, "device_taken"),
    a_proof_as_a_revocation: (422, "signature_invalid"),
    introduced_by_another_server: (422, "signature_invalid"),
    signed_in_by_another_server: (422, "signature_invalid"),
    deleted_at_another_server: (422, "signature_invalid"),
    deleted_at_another_server_that_says_it_is_this_one: (421, "origin_unknown"),
    revoking_anothers: (404, "device_unknown"),
    deleting_another: (422, "signature_invalid"),
}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_hostile_one_gets_nowhere(http: httpx.Client, database: Database, attack: Attack) -> None:
    mine, other = Stranger(http), Stranger(http)
    mine.register(), other.register()
    before, devices = stored(database), known(database)
    refused(attack(mine, other), *ATTACKS[attack])
    after = stored(database)
    # Some take a lease first, honestly, after a self-test: it is counted for the day.
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"lease", "unit", "device", "self_test"}
    assert known(database) == devices
    assert not after["result"]


def suspended(database: Database, device: Stranger) -> None:
    with database.write() as session:
        services.suspend(session, device.contributor)


def quarantined(database: Database, device: Stranger) -> None:
    with database.write() as session:
        services.quarantine(session, device.device)


def revoked(database: Database, device: Stranger) -> None:
    device.revoke(device.device)


def deleted(database: Database, device: Stranger) -> None:
    device.ask("POST", "/me/delete", device.consent("dva delete 2", device.contributor))


def nobody(database: Database, device: Stranger) -> None:
    device.token = ""


def forged(database: Database, device: Stranger) -> None:
    """Another device's name in a token of one's own."""
    head, _, tail = device.token.partition(".")
    device.token = text(b64decode(head + "===").replace(device.device.encode(), b"0" * 32)) + tail


ROLES: dict[str, tuple[Callable[[Database, Stranger], None], int, str]] = {
    "nobody": (nobody, 401, "not_signed_in"),
    "forged": (forged, 401, "not_signed_in"),
    "revoked": (revoked, 401, "device_revoked"),
    "deleted": (deleted, 401, "device_revoked"),
    "suspended": (suspended, 403, "contributor_suspended"),
    "quarantined": (quarantined, 403, "device_quarantined"),
}
WORK = ("lease", "heartbeat", "result")
ASIDE = ("abandon", "report", "me", "rename", "revoke", "delete")
"""What who is suspended may still do; the last one ends it."""


def ask(device: Stranger, what: str, lease: Json) -> httpx.Response:
    name = lease["lease"]
    pair = {"pool": lease["pool"], "unit": lease["unit"], "uid": lease["pairs"][0]["uid"]}
    requests: dict[str, Callable[[], httpx.Response]] = {
        "lease": lambda: device.ask("POST", "/leases", {"agents": ["dva"]}),
        "heartbeat": lambda: device.ask("POST", f"/leases/{name}/heartbeat"),
        "result": lambda: device.post(lease, device.result(lease, SCORES)),
        "abandon": lambda: device.ask("POST", f"/leases/{name}/abandon"),
        "report": lambda: device.ask("POST", "/reports", {**pair, "reason": "other"}),
        "me": lambda: device.ask("GET", "/me"),
        "rename": lambda: device.ask("POST", "/me", {"display_name": "Eve"}),
        "revoke": lambda: device.revoke("0" * 32),
        "delete": lambda: device.ask(
            "POST", "/me/delete", device.consent("dva delete 2", device.contributor)
        ),
    }
    return requests[what]()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_do_what(http: httpx.Client, database: Database, role: str) -> None:
    device = Stranger(http)
    device.register()
    lease = device.lease()
    become, status, code = ROLES[role]
    become(database, device)
    before = stored(database)
    for what in (*WORK, *ASIDE) if status == 401 else WORK:
        refused(ask(device, what, lease), status, code)
    assert stored(database) == before
    if status == 403:
        for what in ASIDE:
            # There is no such device.
            expected = (404,) if what == "revoke" else (200, 204)
            assert ask(device, what, lease).status_code in expected, what


def test_tokens_and_challenges_end(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Stranger(http)
    device.register()
    lease, old = device.lease(), device.challenge()
    at = now() + LIFETIME
    for module in ("server.web", "server.contributors.views"):
        monkeypatch.setattr(f"{module}.now", lambda: at)
    for what in (*WORK, *ASIDE):
        refused(ask(device, what, lease), 401, "token_expired")
    refused(device.ask("POST", "/sessions", device.renewal(old)), 422, "challenge_invalid")
    told = device.ask("POST", "/sessions", device.renewal(device.challenge()))
    assert told.status_code == 200
    device.token = told.json()["token"]
    assert timedelta(seconds=told.json()["expires_in_s"]) == LIFETIME
    assert device.post(lease, device.result(lease, SCORES)).status_code == 200
