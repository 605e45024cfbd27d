"""GET /openapi.json."""

from __future__ import annotations

from functools import cache

import msgspec
from flask import Blueprint, Response

from server.openapi.document import document

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    response = Response(_body(), mimetype="application/json")
    response.cache_control.no_cache = True
    return response


@cache
def _body() -> bytes:
    return msgspec.json.encode(document())
