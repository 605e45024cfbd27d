"""POST /devices."""

from __future__ import annotations

from dva_agent.protocol import Registration
from flask import Blueprint, Response, request

from server.contributors import services
from server.db import now
from server.limits.rate import network_of
from server.web import answer, database, message, settings

blueprint = Blueprint("contributors", __name__)


@blueprint.post("/devices")
def register() -> Response:
    registration = message(Registration)
    network = network_of(request.remote_addr)
    with database().write() as session:
        services.admit(session, settings(), network, now())
        device = services.register(session, registration, now())
    return answer(device, 201)
