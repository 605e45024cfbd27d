"""GET /activity."""

from __future__ import annotations

from dva_agent.activity import Activity
from flask import Blueprint, Response, current_app

from server.activity.bulletin import KEPT_S, Bulletin
from server.db import now
from server.web import answer, database

blueprint = Blueprint("activity", __name__)


@blueprint.get("/activity")
def index() -> Response:
    """Open to everybody."""
    return for_a_while(answer(latest()))


def latest() -> Activity:
    """Of this app, some seconds old."""
    bulletin = current_app.extensions["dva-bulletin"]
    assert isinstance(bulletin, Bulletin)
    return bulletin.read(database(), now())


def for_a_while(response: Response) -> Response:
    """Caches on the way may keep it as long as the server does."""
    response.cache_control.no_store = False
    response.cache_control.public = True
    response.cache_control.max_age = KEPT_S
    return response
