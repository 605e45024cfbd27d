"""Every error of the server and its commands. All are DvaErrors: a code, a sentence, a next step.

DvaError                    dva_agent.errors
├── Refusal                 an answer to a client: server/refusals.py draws its kinds
├── SignInError             the operator's sign-in page, told in HTML
│   └── SignInFailed 403        └── SignInTooOften 429        └── ProviderAway 503
├── PageRefusal             an operator's page that isn't for who asks, told in HTML
│   └── RoleTooLow 403          └── FormForeign 403
└── OperatorError           a command that can't go on, on stderr
    ├── AccountError        an operator's account: unknown, taken, a password that won't do
    ├── LicenceError        a model whose licence the operator hasn't accepted
    ├── SettingsError       a setting that can't be used
    ├── BackupError         a copy that can't be made
    ├── FetchError          metadata, an environment or a folder that won't do; nothing that came
    ├── PoolError           the pool as a whole: unknown, of another bundle, without truth
    ├── ShardError          one tar: truncated, hostile, changed
    ├── TrustError          a device or contributor that nobody knows
    ├── LedgerError         credit that would be made or lost
    ├── SelectionError      a cut that can't be made, a certificate that doesn't hold
    ├── WorkbenchError      a job of the workbench that can't be begun, or failed
    ├── EpochError          an epoch that can't be closed, a statement that doesn't hold
    ├── SimulationError     kept worlds that don't add up with those of today
    ├── BenchError          a benchmark that can't be run
    └── ServeError          the address can't be had
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import ClassVar

from dva_agent.errors import DvaError


class SignInError(DvaError):
    """`wait_s`: seconds until it is worth another attempt; None: it may be made at once."""

    status: ClassVar[HTTPStatus] = HTTPStatus.FORBIDDEN
    wait_s: float | None = None


class SignInFailed(SignInError):
    default_code = "sign_in_failed"
    default_next_step = "Try again. dva admin password sets a new one."


class ProviderAway(SignInError):
    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "provider_away"
    default_next_step = "Try again in a minute. Whoever has a password here signs in with that."
    wait_s = 10.0


class SignInTooOften(SignInError):
    status = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "sign_in_too_often"

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            "Too many attempts have failed.",
            next_step=f"Wait {math.ceil(wait_s)} seconds, then try again.",
        )
        self.wait_s = wait_s


class PageRefusal(DvaError):
    status: ClassVar[HTTPStatus] = HTTPStatus.FORBIDDEN


class RoleTooLow(PageRefusal):
    default_code = "role_too_low"


class FormForeign(PageRefusal):
    default_code = "form_foreign"


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


class FetchError(OperatorError):
    default_code = "fetch_failed"


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


class SelectionError(OperatorError):
    default_code = "selection_invalid"


class WorkbenchError(OperatorError):
    default_code = "workbench_refused"


class EpochError(OperatorError):
    default_code = "epoch_invalid"


class SimulationError(OperatorError):
    default_code = "worlds_differ"
    default_next_step = "Keep today's worlds in another folder."


class BenchError(OperatorError):
    default_code = "bench_failed"
    default_next_step = "Look at the page yourself: make run"


class ServeError(OperatorError):
    default_code = "address_unavailable"
    default_next_step = "Stop what uses it, or choose another: --port N, or make run PORT=N."
