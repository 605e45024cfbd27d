"""What an HTTP answer of the server, or of something in front of it, means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dva_agent import protocol
from dva_agent.errors import Busy, MessageError, Outdated, Refused, ServerError

DEFAULT_RETRY_S = 5.0
"""What a 429 or 503 without its own figure is taken to ask for."""

MAX_RETRY_S = 3600.0
"""No server sends an agent away for longer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer of any status. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def error_of(answer: Answer) -> ServerError:
    """The error that a non-2xx answer means. Its problem+json is used if there is one: proxies
    answer too, in their own words."""
    try:
        problem = protocol.decode(answer.body, protocol.Problem)
    except MessageError:
        problem = protocol.Problem(
            type="about:blank",
            title="",
            status=answer.status,
            code="",
            detail=f"The server answered with HTTP status {answer.status}.",
        )
    if answer.status in (429, 503):
        return Busy(problem.detail, code=problem.code, retry_after_s=_retry_after(answer, problem))
    if answer.status == 426:
        return Outdated(problem.detail, code=problem.code, next_step=problem.next_step)
    if 400 <= answer.status < 500:
        return Refused(
            problem.detail, code=problem.code, next_step=problem.next_step, status=answer.status
        )
    return ServerError(problem.detail, code=problem.code, next_step=problem.next_step)


def _retry_after(answer: Answer, problem: protocol.Problem) -> float:
    asked = problem.retry_after_s
    if asked is None or not 0 <= asked < math.inf:
        asked = read_retry_after(answer.headers)
    return min(MAX_RETRY_S, asked)


def read_retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait by an answer's Retry-After (RFC 9110, 10.2.3: seconds or a date), in
    [0, MAX_RETRY_S]; DEFAULT_RETRY_S if it says nothing that makes sense. A date is counted from
    the answer's own Date: this machine's clock may be wrong. Proxies in front of a server write
    both forms."""
    stated = headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdecimal():
        return min(MAX_RETRY_S, float(stated[:9]))
    until, sent = _date(stated), _date(headers.get("date", ""))
    if until is None:
        return DEFAULT_RETRY_S
    if sent is None:
        sent = datetime.now(UTC)
    return min(MAX_RETRY_S, max(0.0, (until - sent).total_seconds()))


def _date(text: str) -> datetime | None:
    """An HTTP date. Without a zone it is UTC, as all of them are."""
    # Here, because few servers send dates, and importing this takes the tab's time.
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
