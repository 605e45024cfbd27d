"""POST /devices."""

from __future__ import annotations

from dva_agent.protocol import Registration
from flask import Blueprint, Response

from server.contributors import services
from server.db import now
from server.web import answer, database, message

blueprint = Blueprint("contributors", __name__)


@blueprint.post("/devices")
def register() -> Response:
    registration = message(Registration)
    with database().write() as session:
        device = services.register(session, registration, now())
    return answer(device, 201)
