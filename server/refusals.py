"""Every refusal: an answer to a client, as problem+json; docs/protocol.md lists the codes.

Each has a code, a sentence and a next step, and stands for one HTTP status.

Refusal                     a DvaError
├── MessageInvalid 400      ├── LeaseEnded 409          ├── MediaTypeUnsupported 415
├── NotSignedIn 401         ├── ResultConflict 409      ├── RangeInvalid 416
├── LeaseNotYours 403       ├── BundleMismatch 409      ├── ResultInvalid 422
├── LicenceUnaccepted 403   ├── AgentUnknown 409        ├── ChallengeInvalid 422
├── NotAdmitted 403         ├── LeaseMismatch 409       ├── SignatureInvalid 422
├── AccountDeleted 403      ├── DeviceTaken 409         ├── NameInvalid 422
├── NotFound 404            ├── BodyTooLarge 413        ├── ProtocolOutdated 426
│   ├── LeaseUnknown        ├── OriginUnknown 421       ├── RateLimited 429
│   ├── DeviceUnknown       └── RungUntested 409        ├── ServerFault 500
│   ├── PairUnknown                                     └── Busy 503
│   ├── BundleUnknown                                       └── ShardUnavailable
│   └── ProofUnknown
└── MethodNotAllowed 405
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import ClassVar

from dva_agent.errors import DvaError


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


class BundleUnknown(NotFound):
    default_code = "bundle_unknown"
    default_next_step = "Test a bundle that a lease or an idle answer names."


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


class RungUntested(Refusal):
    status = HTTPStatus.CONFLICT
    default_code = "rung_untested"
    default_next_step = "Run the self-test on this rung, and post what it came to."


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


class OriginUnknown(Refusal):
    status = HTTPStatus.MISDIRECTED_REQUEST
    default_code = "origin_unknown"
    default_next_step = "Whoever runs this server has to name its address in DVA_ORIGINS."


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
