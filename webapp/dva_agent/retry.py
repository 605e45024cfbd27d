"""Trying again what may pass: no answer, 429, 5xx."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from dva_agent.backoff import Backoff
from dva_agent.clock import Clock
from dva_agent.errors import Busy, Outdated, Refused, ServerError

T = TypeVar("T")

Retrying = Callable[[ServerError, float], None]
"""Told of each failure that will be retried, and in how many seconds."""

Answered = Callable[[], None]
"""Told of each call that came through."""


def unheard() -> None:
    """For callers that don't ask."""


async def again(
    call: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    backoff: Backoff,
    retrying: Retrying,
    answered: Answered = unheard,
    attempts: int | None = None,
) -> T:
    """The outcome of `call`, made at most `attempts` times (for ever if None). Refused and
    Outdated won't pass and are raised at once, any other error that isn't the server's too."""
    attempt = 0
    while True:
        try:
            outcome = await call()
        except (Refused, Outdated):
            raise
        except ServerError as error:
            attempt += 1
            if attempt == attempts:
                raise
            asked = error.retry_after_s if isinstance(error, Busy) else 0.0
            delay = backoff.delay(attempt - 1, chance=clock.chance(), asked=asked)
            retrying(error, delay)
            await clock.sleep(delay)
        else:
            answered()
            return outcome
