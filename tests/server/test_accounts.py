"""Contributors and their devices: who they are, how they come back, what they may change."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from dva_agent import statements
from dva_agent.account import Consent, Me, NameChange
from dva_agent.protocol import (
    ROOT,
    Accepted,
    LeaseRequest,
    Session,
    SessionRequest,
    encode,
)
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import select

from server import create_app
from server.config import Settings
from server.contributors import services
from server.contributors.models import Contributor, Device
from server.contributors.names import cleaned
from server.contributors.tokens import LIFETIME
from server.db import Database, now
from server.refusals import NameInvalid
from server.results.models import Result
from tests.keys import ORIGIN, Keys
from tests.server.api import Api, problem, result_for

ASK = LeaseRequest(agents=["dva"])


def me(api: Api) -> Me:
    token = f"Bearer {api.device.token}"
    return api.ok(api.get(ROOT + "/me", Authorization=token), Me)


def revocation(api: Api, device: str, keys: Keys | None = None) -> Consent:
    challenge = api.challenge()
    statement = statements.of_revocation(challenge, ORIGIN, device)
    return (keys or api.keys).consent(statement, challenge)


def deletion(api: Api, contributor: str) -> Consent:
    challenge = api.challenge()
    return api.keys.consent(statements.of_deletion(challenge, ORIGIN, contributor), challenge)


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    at = now() + by
    for module in ("server.web", "server.contributors.views", "server.work.views"):
        monkeypatch.setattr(f"{module}.now", lambda: at)


def test_the_same_key_is_the_same_device(app: Flask, api: Api) -> None:
    again = api.register()
    assert (again.device, again.contributor) == (api.device.device, api.device.contributor)
    second = Api(app, Keys(api.keys.account))
    assert second.device.contributor == api.device.contributor
    assert {each.device for each in me(api).devices if not each.this} == {second.device.device}
    assert Api(app).device.contributor != api.device.contributor


def test_a_device_that_is_known_isnt_counted_again(settings: Settings, database: Database) -> None:
    app = create_app(dataclasses.replace(settings, registrations_per_hour=1), database)
    keys, where = Keys(), {"REMOTE_ADDR": "192.0.2.7"}

    def come(keys: Keys) -> Any:
        challenge = app.test_client().post(ROOT + "/challenges").json["challenge"]  # type: ignore[index]
        body = keys.registration(msgspec.convert(challenge, bytes))
        return app.test_client().post(
            ROOT + "/devices",
            data=encode(body),
            content_type="application/json",
            environ_base=where,
        )

    assert [come(keys).status_code for _ in range(3)] == [201] * 3
    problem(come(Keys()), 429, "rate_limited")


def test_a_token_ends_and_the_next_one_goes_on(
    api: Api, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = api.challenge()
    later(monkeypatch, LIFETIME)
    problem(api.post("/leases", ASK), 401, "token_expired")
    proof = api.keys.proof(old)
    stale = SessionRequest(device=api.device.device, challenge=old, proof=proof)
    problem(api.post("/sessions", stale, token=None), 422, "challenge_invalid")
    fresh = api.challenge()
    asked = SessionRequest(device=api.device.device, challenge=fresh, proof=api.keys.proof(fresh))
    token = api.ok(api.post("/sessions", asked, token=None), Session).token
    assert api.post("/leases", ASK, token=token).status_code == 200


def test_a_lost_device_is_let_in_no_more(app: Flask, api: Api, pool: str) -> None:
    lost = Api(app, Keys(api.keys.account))
    path = f"/me/devices/{lost.device.device}/revoke"
    consent = revocation(api, lost.device.device)
    for _ in range(2):
        left = api.ok(api.post(path, consent), Me)
        assert [each.revoked for each in left.devices if not each.this] == [True]
    problem(lost.post("/leases", ASK), 401, "device_revoked")
    challenge = lost.challenge()
    problem(
        lost.post("/devices", lost.keys.registration(challenge), token=None), 401, "device_revoked"
    )
    asked = SessionRequest(
        device=lost.device.device, challenge=challenge, proof=lost.keys.proof(challenge)
    )
    problem(lost.post("/sessions", asked, token=None), 401, "device_revoked")
    assert api.lease().leases


def test_only_the_account_key_revokes(app: Flask, api: Api) -> None:
    stranger, mine = Api(app), api.device.device
    path = f"/me/devices/{mine}/revoke"
    problem(stranger.post(path, revocation(stranger, mine)), 404, "device_unknown")
    problem(stranger.post(path, revocation(stranger, mine, api.keys)), 422, "signature_invalid")
    problem(api.post(path, revocation(api, mine, stranger.keys)), 422, "signature_invalid")
    problem(api.post(path, revocation(api, stranger.device.device)), 422, "signature_invalid")
    other = api.challenge()
    swapped = msgspec.structs.replace(revocation(api, mine), challenge=other)
    problem(api.post(path, swapped), 422, "signature_invalid")
    assert [each.revoked for each in me(api).devices] == [False]


def test_a_device_key_belongs_to_one_account(api: Api) -> None:
    other = Keys()
    other.device = api.keys.device
    other.identity = type(other.identity)(account=other.account, device=other.device)
    message = other.registration(api.challenge())
    problem(api.post("/devices", message, token=None), 409, "device_taken")


@pytest.mark.parametrize(
    "field", ["account_key", "device_key", "certificate", "proof", "challenge"]
)
def test_a_registration_of_which_one_part_is_anothers(
    api: Api, database: Database, field: str
) -> None:
    mine, other = (Keys().registration(api.challenge()) for _ in range(2))
    mixed = msgspec.structs.replace(mine, **{field: getattr(other, field)})
    with database.read() as session:
        before = session.scalars(select(Device.id)).all()
    problem(api.post("/devices", mixed, token=None), 422, "signature_invalid")
    with database.read() as session:
        assert session.scalars(select(Device.id)).all() == before
        assert len(session.scalars(select(Contributor.id)).all()) == 1


def test_names(api: Api) -> None:
    assert me(api).display_name is None
    named = api.ok(api.post("/me", NameChange(display_name="  Ada\u202e \t Lovelace ")), Me)
    assert named.display_name == "Ada Lovelace" == me(api).display_name
    for name in ("", " ", "\u200b", "x" * 41):
        problem(api.post("/me", NameChange(display_name=name)), 422, "name_invalid")
    assert api.ok(api.post("/me", NameChange(display_name=None)), Me).display_name is None


@given(name=st.text(max_size=50))
def test_a_name_that_is_taken_stays_as_it_is(name: str) -> None:
    try:
        kept = cleaned(name)
    except NameInvalid:
        return
    assert 1 <= len(kept) <= 40
    assert cleaned(kept) == kept
    assert kept.isprintable()


def test_the_person_goes_and_the_scores_stay(
    app: Flask, api: Api, pool: str, database: Database
) -> None:
    api.finish(api.lease().leases[0])
    api.ok(api.post("/me", NameChange(display_name="Ada")), Me)
    wrong = deletion(api, "0" * 32)
    problem(api.post("/me/delete", wrong), 422, "signature_invalid")
    contributor = api.device.contributor
    assert contributor
    left = api.ok(api.post("/me/delete", deletion(api, contributor)), Me)
    assert (left.state, left.display_name, left.devices) == ("deleted", None, [])
    problem(api.post("/leases", ASK), 401, "device_revoked")
    message = Keys(api.keys.account).registration(api.challenge())
    problem(api.post("/devices", message, token=None), 403, "account_deleted")
    with database.read() as session:
        [device] = session.scalars(select(Device)).all()
        assert (device.public_key, device.certificate, device.device_class) == (None, None, "")
        assert device.contributor.public_key is None
        assert session.scalars(select(Result)).one().device_id == device.id


def test_who_is_suspended_sees_it_and_gets_no_work(api: Api, pool: str, database: Database) -> None:
    lease = api.lease().leases[0]
    contributor = me(api).contributor
    for act, undo, name, code in (
        (services.suspend, services.restore, contributor, "contributor_suspended"),
        (services.quarantine, services.release, api.device.device, "device_quarantined"),
    ):
        with database.write() as session:
            act(session, name)
        problem(api.post("/leases", ASK), 403, code)
        problem(api.post_result(lease, result_for(lease)), 403, code)
        problem(api.post(f"/leases/{lease.lease}/heartbeat"), 403, code)
        assert me(api).devices[0].quarantined == (code == "device_quarantined")
        with database.write() as session:
            undo(session, name)
    assert api.finish(lease).pairs_scored


@pytest.mark.parametrize("field", ["scores", "statuses", "bundle", "rung", "lease"])
def test_a_result_is_taken_only_as_it_was_signed(
    api: Api, pool: str, database: Database, field: str
) -> None:
    lease, other = api.lease(2).leases
    result = api.signed(result_for(lease))
    changed: dict[str, Any] = {
        "scores": bytes(len(result.scores)),
        "statuses": bytes([2]) + result.statuses[1:],
        "bundle": "f" * 32,
        "rung": "wasm",
        "lease": other.lease,
    }
    forged = msgspec.structs.replace(result, **{field: changed[field]})
    target = other if field == "lease" else lease
    expected = {"bundle": (409, "bundle_mismatch"), "statuses": (422, "score_unexpected")}
    problem(api.post_result(target, forged), *expected.get(field, (422, "signature_invalid")))
    with database.read() as session:
        assert not session.scalars(select(Result)).all()
    api.ok(api.post_result(lease, result), Accepted)
    with database.read() as session:
        assert session.scalars(select(Result.signature)).one() == result.signature


@examples(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=st.integers(0, 63), bit=st.integers(0, 7))
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_no_other_signature_will_do(api: Api, pool: str, place: int, bit: int) -> None:
    lease = api.lease().leases[0]
    result = api.signed(result_for(lease))
    assert result.signature
    wrong = bytearray(result.signature)
    wrong[place] ^= 1 << bit
    forged = msgspec.structs.replace(result, signature=bytes(wrong))
    problem(api.post_result(lease, forged), 422, "signature_invalid")
    api.post(f"/leases/{lease.lease}/abandon")
