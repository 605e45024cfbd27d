"""Every error the agent and the tools around it raise.

DvaError
├── MessageError          a message, file or manifest that isn't what it should be
│   └── BundleError       a model bundle that is malformed, incomplete or not what its id says
├── PairsError            shards on this disk that can't be read, or hold too little
├── EngineError           the arithmetic can't be had here
│   ├── RungUnavailable   this device can't run this rung; the next one may
│   ├── SelfTestFailed    it runs, but its numbers are not the bundle's
│   ├── DeviceLost        the GPU went away; a new engine may be opened
│   └── NumericFault      non-finite, zero, wrong-norm or constant output: never a score
├── IdentityError         a phrase or a file of keys that is none
│   └── IdentityExists    there is one already
├── AgentInvalid          a DataAgent of this package that says something impossible of itself
├── AgentMissing          the server's work is for agents that aren't here
├── LicenceWaits          the server's operator hasn't accepted the model's licence
└── ServerError           what came back from the server, or didn't
    ├── Unreachable       no answer: offline, or the server is down
    ├── Busy              429 or 503: come back after `retry_after_s`
    ├── Refused           a 4xx answer with a code: this request will not succeed as it is
    └── Outdated          426: this agent speaks an older protocol; update (or reload the page)
"""

from __future__ import annotations

from typing import ClassVar


class DvaError(Exception):
    """Base of all. `code` is stable and for programs; the message is a sentence for a person;
    `next_step` says what that person can do."""

    default_code: ClassVar[str] = "error"
    default_next_step: ClassVar[str] = "Try again; if it stays, report it with this message."

    def __init__(self, message: str, *, code: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.next_step = next_step or self.default_next_step


class MessageError(DvaError):
    default_code = "message_invalid"


class BundleError(MessageError):
    default_code = "bundle_invalid"
    default_next_step = "Export the bundle again, or download it again."


class PairsError(DvaError):
    default_code = "pairs_refused"


class EngineError(DvaError):
    default_code = "engine_failed"


class RungUnavailable(EngineError):
    default_code = "rung_unavailable"


class SelfTestFailed(EngineError):
    """`scores`: of the golden pairs, as far as it came to any."""

    default_code = "self_test_failed"
    scores: tuple[float, ...] = ()


class DeviceLost(EngineError):
    default_code = "device_lost"


class NumericFault(EngineError):
    default_code = "numeric_fault"


class IdentityError(DvaError):
    default_code = "identity_invalid"
    default_next_step = "dva identity show says which file is used."


class IdentityExists(IdentityError):
    default_code = "identity_exists"
    default_next_step = "Name another file, or move this one away: it holds a phrase."


class AgentInvalid(DvaError):
    default_code = "agent_invalid"
    default_next_step = "Correct its module in dva_agent/agents; docs/agents.md says what holds."


class AgentMissing(DvaError):
    default_code = "no_agent"
    default_next_step = "Update this agent, or reload the page: the server has newer work."


class LicenceWaits(DvaError):
    default_code = "licence_unaccepted"
    default_next_step = "On the server: dva bundle list shows which, dva bundle accept accepts it."


class ServerError(DvaError):
    default_code = "server_error"


class Unreachable(ServerError):
    default_code = "unreachable"
    default_next_step = "Check the connection and that the server runs."


class Busy(ServerError):
    """`retry_after_s`: seconds the server asked to wait, at least 0."""

    default_code = "busy"
    default_next_step = "Wait; the agent comes back by itself."

    def __init__(self, message: str, *, code: str = "", retry_after_s: float) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class Refused(ServerError):
    """`status`: the HTTP status, 400 to 499."""

    default_code = "refused"

    def __init__(self, message: str, *, code: str = "", next_step: str = "", status: int) -> None:
        super().__init__(message, code=code, next_step=next_step)
        self.status = status


class Outdated(ServerError):
    default_code = "protocol_outdated"
    default_next_step = "Reload the page, or update the agent."
