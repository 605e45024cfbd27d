"""How whatever goes wrong in a request is answered: problem+json, with the code of its refusal."""

from __future__ import annotations

import logging
from http import HTTPStatus

from dva_agent.protocol import ROOT, Problem, encode
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from server.db import TooManyWriters
from server.refusals import (
    BodyTooLarge,
    Busy,
    MediaTypeUnsupported,
    MessageInvalid,
    MethodNotAllowed,
    NotFound,
    RangeInvalid,
    Refusal,
    ServerFault,
)
from server.request_id import request_id

log = logging.getLogger(__name__)


_OF_STATUS: dict[int, type[Refusal]] = {
    kind.status: kind
    for kind in (
        NotFound,
        MethodNotAllowed,
        BodyTooLarge,
        MediaTypeUnsupported,
        RangeInvalid,
        ServerFault,
    )
}


def problem(refusal: Refusal) -> Response:
    """RFC 9457. The type is about:blank because `code` already names the problem."""
    # For the operator's count of problems (server/problems).
    g.problem = refusal.code
    body = Problem(
        type="about:blank",
        title=refusal.status.phrase,
        status=refusal.status,
        code=refusal.code,
        detail=str(refusal),
        next_step=refusal.next_step,
        retry_after_s=refusal.retry_after_s,
        request_id=request_id(),
    )
    response = Response(encode(body), refusal.status, mimetype="application/problem+json")
    response.cache_control.no_store = True
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(int(refusal.retry_after_s))
    return response


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, problem)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(OperationalError, _database_busy)
    app.register_error_handler(PoolTimeout, _database_busy)
    app.register_error_handler(TooManyWriters, _shed)
    app.register_error_handler(Exception, _fault)


def _http_exception(error: HTTPException) -> Response:
    if error.response is not None:  # a redirect, or an answer that a library made
        return current_app.make_response(error.get_response())
    if not request.path.startswith("/api/"):
        text = f"{error.code} {error.name}. {error.description}\n"
        return Response(text, error.code, mimetype="text/plain")
    kind = _OF_STATUS.get(error.code or 500, MessageInvalid)
    response = problem(kind(error.description or kind.status.phrase))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            response.headers[name] = value
    return response


def _database_busy(error: Exception) -> Response:
    """A lock that wasn't had in time, or a database that went away: worth another try."""
    log.error("database: %s", error)
    return problem(Busy("The database is busy."))


def _shed(_error: TooManyWriters) -> Response:
    """More requests than the database takes. Some are turned away at once, so that not all of them
    wait until they fail."""
    log.warning("too many requests wait to write: one was told to come back")
    return problem(Busy("The server has more to do than it can."))


def _fault(error: Exception) -> Response:
    log.error("%s %s", request.method, request.path, exc_info=error)
    return problem(ServerFault("The server failed; its log says why."))


def is_api(path: str) -> bool:
    return path.startswith(ROOT + "/")
