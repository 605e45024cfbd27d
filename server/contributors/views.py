"""Coming in (POST /challenges, /devices, /sessions), and what is below /me."""

from __future__ import annotations

from dva_agent.account import Consent, NameChange
from dva_agent.protocol import Registration, SessionRequest
from flask import Blueprint, Response

from server.contributors import account, registration
from server.db import now
from server.web import answer, database, door, keys, message, network, settings
from server.web import device as asking

blueprint = Blueprint("contributors", __name__)


@blueprint.post("/challenges")
def challenge() -> Response:
    """Open to everybody: it says nothing, and nothing is kept of it."""
    return answer(registration.challenge(keys(), now()))


@blueprint.post("/devices")
def register() -> Response:
    asked = message(Registration)
    with database().write() as session:
        made = registration.register(session, settings(), door(), asked, network(), now())
    return answer(made, 201)


@blueprint.post("/sessions")
def open_session() -> Response:
    asked = message(SessionRequest)
    with database().read() as session:
        opened = registration.open_session(session, door(), asked, now())
    return answer(opened)


@blueprint.get("/me")
def me() -> Response:
    with database().read() as session:
        return answer(account.me(session, asking(session)))


@blueprint.post("/me")
def rename() -> Response:
    asked = message(NameChange)
    with database().write() as session:
        who = asking(session)
        account.rename(session, who, asked.display_name)
        session.flush()
        return answer(account.me(session, who))


@blueprint.post("/me/devices/<device>/revoke")
def revoke(device: str) -> Response:
    consent = message(Consent)
    with database().write() as session:
        who = asking(session)
        account.revoke(session, door(), who, device, consent, now())
        session.flush()
        return answer(account.me(session, who))


@blueprint.post("/me/delete")
def delete() -> Response:
    consent = message(Consent)
    with database().write() as session:
        left = account.delete(session, door(), asking(session), consent, now())
    return answer(left)
