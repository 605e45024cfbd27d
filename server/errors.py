"""Every error of the server and its commands. All are DvaErrors: a code, a sentence, a next step.

DvaError                    dva_agent.errors
├── Refusal                 an answer to a client, as problem+json; docs/protocol.md lists the codes
│   ├── MessageInvalid 400      ├── LeaseEnded 409          ├── MediaTypeUnsupported 415
│   ├── NotSignedIn 401         ├── ResultConflict 409      ├── RangeInvalid 416
│   ├── LeaseNotYours 403       ├── BundleMismatch 409      ├── ResultInvalid 422
│   ├── LicenceUnaccepted 403   ├── AgentUnknown 409        ├── ChallengeInvalid 422
│   ├── NotAdmitted 403         ├── LeaseMismatch 409       ├── SignatureInvalid 422
│   ├── AccountDeleted 403      ├── DeviceTaken 409         ├── NameInvalid 422
│   ├── NotFound 404            ├── BodyTooLarge 413        ├── ProtocolOutdated 426
│   │   ├── LeaseUnknown        │                           ├── RateLimited 429
│   │   ├── DeviceUnknown       │                           ├── ServerFault 500
│   │   ├── PairUnknown         │                           └── Busy 503
│   │   └── ProofUnknown        │                               └── ShardUnavailable
│   └── MethodNotAllowed 405
├── SignInError             the operator's sign-in page, told in HTML
│   └── SignInFailed 403        └── SignInTooOften 429
└── OperatorError           a command that can't go on, on stderr
    ├── AccountError        an operator's account: unknown, taken, a password that won't do
    ├── LicenceError        a model whose licence the operator hasn't accepted
    ├── SettingsError       a setting that can't be used
    ├── BackupError         a copy that can't be made
    ├── PoolError           the pool as a whole: unknown, of another bundle, without truth
    ├── ShardError          one tar: truncated, hostile, changed
    ├── TrustError          a device or contributor that nobody knows
    ├── LedgerError         credit that would be made or lost
    ├── EpochError          an epoch that can't be closed, a statement that doesn't hold
    ├── BenchError          a benchmark that can't be run
    └── ServeError          the address can't be had
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import ClassVar

from dva_agent.errors import DvaError
from dva_agent.protocol import ROOT, Problem, encode
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from server.db import TooManyWriters
from server.request_id import request_id

log = logging.getLogger(__name__)


class Refusal(DvaError):
    """`status`: the HTTP status. `retry_after_s`: whole seconds to wait, for 429 and 503 only."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    retry_after_s: float | None = None
    further_codes: ClassVar[tuple[str, ...]] = ()
    """Besides `default_code`."""

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        """Every code that this kind may carry."""
        return (cls.default_code, *cls.further_codes)


class MessageInvalid(Refusal):
    default_code = "message_invalid"
    default_next_step = "This is a bug in the client: report it, and don't repeat the request."


class NotSignedIn(Refusal):
    status = HTTPStatus.UNAUTHORIZED
    default_code = "not_signed_in"
    further_codes = ("token_expired", "device_revoked")
    default_next_step = "Register again: POST /devices gives a new token."


class LeaseNotYours(Refusal):
    status = HTTPStatus.FORBIDDEN
    default_code = "lease_not_yours"
    default_next_step = "Forget this lease and ask for another."


class LicenceUnaccepted(Refusal):
    status = HTTPStatus.FORBIDDEN
    default_code = "licence_unaccepted"
    default_next_step = "Wait: whoever runs this server has to accept the model's licence first."


class NotAdmitted(Refusal):
    """Signed in, but not to be given work."""

    status = HTTPStatus.FORBIDDEN
    default_code = "contributor_suspended"
    further_codes = ("device_quarantined",)
    default_next_step = "Ask whoever runs this server why, and to look again."


class AccountDeleted(Refusal):
    status = HTTPStatus.FORBIDDEN
    default_code = "account_deleted"
    default_next_step = "Make another account: this one can't be had back."


class NotFound(Refusal):
    status = HTTPStatus.NOT_FOUND
    default_code = "not_found"
    default_next_step = "Check the address."


class LeaseUnknown(NotFound):
    default_code = "lease_unknown"
    default_next_step = "Forget this lease and ask for another."


class PairUnknown(NotFound):
    default_code = "pair_unknown"
    default_next_step = "Name the pair as its lease does: pool, unit and uid."


class ProofUnknown(NotFound):
    default_code = "proof_unknown"
    default_next_step = "Wait until the next epoch is closed, then ask again."


class DeviceUnknown(NotFound):
    default_code = "device_unknown"
    default_next_step = "GET /me lists your devices."


class MethodNotAllowed(Refusal):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    default_code = "method_not_allowed"
    default_next_step = MessageInvalid.default_next_step


class LeaseEnded(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "lease_expired"
    further_codes = ("lease_abandoned",)
    default_next_step = LeaseUnknown.default_next_step


class ResultConflict(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "result_conflict"
    default_next_step = LeaseUnknown.default_next_step


class LeaseMismatch(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "lease_mismatch"
    default_next_step = "Post each result under the lease it was made for."


class BundleMismatch(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "bundle_mismatch"
    default_next_step = "Load the bundle that the lease names, and score the unit again."


class AgentUnknown(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "agent_unknown"
    default_next_step = LeaseUnknown.default_next_step


class DeviceTaken(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "device_taken"
    default_next_step = "Make a new device key for this account."


class BodyTooLarge(Refusal):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_next_step = MessageInvalid.default_next_step


class MediaTypeUnsupported(Refusal):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_code = "media_type_unsupported"
    default_next_step = "Send JSON as application/json."


class RangeInvalid(Refusal):
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    default_code = "range_invalid"
    default_next_step = "Ask for one range that lies inside the file."


class ResultInvalid(Refusal):
    """Which rule of `dva_agent.checking` was broken."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "score_count_wrong"
    further_codes = (
        "score_not_finite",
        "score_out_of_range",
        "score_unexpected",
        "status_unknown",
        "withheld_unexpected",
    )
    default_next_step = "Run the engine's self-test again before the next lease."


class ChallengeInvalid(Refusal):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "challenge_invalid"
    default_next_step = "Ask for another challenge, and sign that."


class SignatureInvalid(Refusal):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "signature_invalid"
    default_next_step = "Sign what docs/protocol.md says, with the key that it says."


class NameInvalid(Refusal):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "name_invalid"
    default_next_step = "Choose another, or none."


class ProtocolOutdated(Refusal):
    status = HTTPStatus.UPGRADE_REQUIRED
    default_code = "protocol_outdated"
    default_next_step = "Reload the page, or update the agent."


class RateLimited(Refusal):
    status = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "rate_limited"
    default_next_step = "Wait as long as Retry-After says, then repeat the request."

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = float(max(math.ceil(retry_after_s), 1))


class ServerFault(Refusal):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    default_code = "server_error"
    default_next_step = "Wait a while, longer each time, and repeat the request."


class Busy(Refusal):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "busy"
    default_next_step = "Wait as long as Retry-After says, then repeat the request."
    retry_after_s = 2.0


class ShardUnavailable(Busy):
    default_code = "shard_unavailable"
    default_next_step = "Wait; the operator has been told in the server's log."
    retry_after_s = 60.0


class SignInError(DvaError):
    status: ClassVar[HTTPStatus] = HTTPStatus.FORBIDDEN


class SignInFailed(SignInError):
    default_code = "sign_in_failed"
    default_next_step = "Try again. dva admin password sets a new one."


class SignInTooOften(SignInError):
    """`wait_s`: seconds until the next attempt is let in."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "sign_in_too_often"

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            "Too many attempts have failed.",
            next_step=f"Wait {math.ceil(wait_s)} seconds, then try again.",
        )
        self.wait_s = wait_s


class OperatorError(DvaError):
    """A command ends with it: one line on stderr, its next step on another, exit status 1."""

    default_next_step = ""


class SettingsError(OperatorError):
    default_code = "setting_invalid"
    default_next_step = "docs/operations.md lists the settings and their ranges."


class AccountError(OperatorError):
    default_code = "account_invalid"


class BackupError(OperatorError):
    default_code = "backup_refused"


class LicenceError(OperatorError):
    default_code = "licence_unaccepted"
    default_next_step = "Read it, and if you agree to it, repeat the command with --accept-license."


class PoolError(OperatorError):
    default_code = "pool_invalid"


class ShardError(OperatorError):
    default_code = "shard_invalid"
    default_next_step = "Download or pack this shard again, then repeat the command."


class TrustError(OperatorError):
    default_code = "trust_unknown"


class LedgerError(OperatorError):
    default_code = "ledger_conflict"
    default_next_step = "This is a bug: nothing was changed; report it."


class EpochError(OperatorError):
    default_code = "epoch_invalid"


class BenchError(OperatorError):
    default_code = "bench_failed"
    default_next_step = "Look at the page yourself: make run"


class ServeError(OperatorError):
    default_code = "address_unavailable"
    default_next_step = "Stop what uses it, or choose another: --port N, or make run PORT=N."


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
