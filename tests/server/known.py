"""What a server knows, to be named in paths, and bodies that it takes or nearly takes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from dva_agent import statements
from dva_agent.protocol import Message, SessionRequest, encode, pack_scores
from flask import Flask

from server.db import Database, now
from server.work.models import Lease as LeaseRow
from tests.keys import ORIGIN, Keys
from tests.server.api import Api, result_for, selftest_of


@dataclass(frozen=True, kw_only=True)
class Known:
    names: dict[str, list[str]]
    """By the name of a part of a path."""
    bodies: dict[str, list[dict[str, Any]]]
    """By the name of a message; the last is one that the server takes."""


def known(app: Flask, api: Api, database: Database) -> Known:
    """The pool of `api` has units enough for it."""
    held, done, abandoned, expired = api.lease(4).leases
    api.finish(done)
    api.post(f"/leases/{abandoned.lease}/abandon")
    with database.write() as session:
        session.get_one(LeaseRow, expired.lease).deadline = now() - timedelta(seconds=1)
    [others] = Api(app).lease().leases
    result = _json(api.signed(result_for(held)))
    challenge, keys = api.challenge(), Keys()
    registration = _json(keys.registration(challenge))
    session = SessionRequest(
        device=api.device.device, challenge=challenge, proof=api.keys.proof(challenge)
    )
    request = {"agents": ["dva"]}
    selftest = _json(selftest_of(held.bundle))
    report = {"pool": held.pool, "unit": held.unit, "uid": held.pairs[0].uid, "reason": "other"}
    second = Api(app, Keys(api.keys.account)).device.device
    consent = _json(
        api.keys.consent(statements.of_revocation(challenge, ORIGIN, second), challenge)
    )
    agreed = statements.of_payout(challenge, ORIGIN, "an-address")
    payout = {"address": "an-address", **_json(api.keys.consent(agreed, challenge))}
    return Known(
        names={
            "device": [second],
            "lease": [each.lease for each in (held, done, abandoned, expired, others)],
            "bundle": [held.bundle],
            "path": ["manifest.json", "text.onnx"],
            "pool": [held.pool],
            "name": ["00000"],
            "unit": [held.unit],
        },
        bodies={
            "Registration": [
                {**registration, "proof": registration["certificate"]},
                {**registration, "challenge": base64.b64encode(bytes(56)).decode()},
                registration,
            ],
            "NameChange": [{"display_name": None}, {"display_name": "\u202e"}],
            "PayoutChange": [payout, {**payout, "address": None}],
            "Consent": [consent, {**consent, "signature": registration["proof"]}],
            "SessionRequest": [
                {**_json(session), "device": "0" * 32},
                {**_json(session), "proof": registration["proof"]},
                _json(session),
            ],
            "LeaseRequest": [
                request,
                {**request, "request": "0" * 32},
                {**request, "pool": "nowhere"},
                {"agents": ["nobody"]},
            ],
            "SelfTest": [
                {**selftest, "bundle": "f" * 32},
                {**selftest, "rung": "webgpu-f16"},
                {**selftest, "scores": ""},
                selftest,
            ],
            "Report": [report, {**report, "uid": "nothing"}],
            "Result": [
                {**result, "scores": ""},
                {**result, "bundle": "f" * 32},
                _json(result_for(held, scores=pack_scores([2.0, 0, 0, 0]))),
                _json(result_for(held, statuses=bytes([8, 0, 0, 0]), scores=bytes(16))),
                # Last, since it ends the lease: what comes first is tried first.
                {**result, "more": 2},
            ],
        },
    )


def _json(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(encode(message))
    return made
