"""One id for each request: in its answer, in a problem, in every line that it logs."""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, g, has_request_context, request

HEADER = "X-Request-ID"
SHAPE = r"[A-Za-z0-9._-]{1,64}"
"""A proxy's id is taken over if it looks like this: it goes into logs and headers."""


def init_app(app: Flask) -> None:
    """To be called before anything else that looks at requests: it comes first and last."""
    app.before_request(_begin)
    app.after_request(_tell)


def request_id() -> str:
    """Of the request that is being answered; empty outside of one."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if re.fullmatch(SHAPE, given) else secrets.token_hex(16)


def _tell(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    return response
