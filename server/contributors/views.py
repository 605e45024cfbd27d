"""POST /challenges, /devices, /sessions."""

from __future__ import annotations

from dva_agent.protocol import Registration, SessionRequest
from flask import Blueprint, Response, request

from server.contributors import registration
from server.db import now
from server.limits.rate import network_of
from server.web import answer, database, keys, message, settings

blueprint = Blueprint("contributors", __name__)


@blueprint.post("/challenges")
def challenge() -> Response:
    """Open to everybody: it says nothing, and nothing is kept of it."""
    return answer(registration.challenge(keys(), now()))


@blueprint.post("/devices")
def register() -> Response:
    asked = message(Registration)
    network = network_of(request.remote_addr)
    with database().write() as session:
        device = registration.register(session, settings(), keys(), asked, network, now())
    return answer(device, 201)


@blueprint.post("/sessions")
def open_session() -> Response:
    asked = message(SessionRequest)
    with database().read() as session:
        opened = registration.open_session(session, keys(), asked, now())
    return answer(opened)
