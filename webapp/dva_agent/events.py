"""What a running agent tells whoever watches it: the page, or a terminal's progress bar.

Each event is a message with a `kind`; the tab gets them as JSON. They inform and nothing else:
an observer that ignores them all changes no score.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from dva_agent.engine import Blob
from dva_agent.errors import DvaError
from dva_agent.protocol import Column, Rung, Span

RunState = Literal[
    "starting", "testing", "running", "waiting", "paused", "stopping", "drained", "stopped"
]


class Event(Struct, frozen=True, kw_only=True, tag_field="kind", rename="camel"):
    """Base of all events."""


class StateChanged(Event, frozen=True, kw_only=True, tag="state"):
    """starting: asks for work, opens an engine. testing: self-test. running: scores pairs.
    waiting: see `Waiting`. paused: by the person. stopping: finishes what it holds. drained and
    stopped are the end of the run."""

    state: RunState


class Problem(Event, frozen=True, kw_only=True, tag="problem"):
    """Something went wrong that the agent goes on from. `where`: the unit's name, a rung, or
    empty for the connection."""

    code: str
    message: str
    next_step: str
    where: str = ""
    retry_in_s: float | None = None


class Recovered(Event, frozen=True, kw_only=True, tag="recovered"):
    """An answer has come: problems that were to be tried again are over."""


class Fatal(Event, frozen=True, kw_only=True, tag="fatal"):
    """The run has ended with an error; starting again is up to the person."""

    code: str
    message: str
    next_step: str


class RungTried(Event, frozen=True, kw_only=True, tag="rung"):
    """One rung of the ladder has been tried for `bundle`. If it is not `chosen`, `code` and
    `message` say why the next one is tried."""

    bundle: str
    rung: Rung
    chosen: bool
    device_class: str = ""
    code: str = ""
    message: str = ""
    next_step: str = ""


class SelfTested(Event, frozen=True, kw_only=True, tag="self_test"):
    """The golden pairs came out right: largest absolute differences beside what is allowed."""

    bundle: str
    rung: Rung
    device_class: str
    pairs: int
    score_difference: float
    embedding_difference: float
    score_tolerance: float
    embedding_tolerance: float
    seconds: float


class UnitStarted(Event, frozen=True, kw_only=True, tag="unit_started"):
    unit: str
    lease: str
    pool: str
    pairs: int
    bytes: int
    """Of the unit's span."""


class UnitFinished(Event, frozen=True, kw_only=True, tag="unit_finished"):
    """The server has stored the result."""

    unit: str
    lease: str
    pool: str
    pairs: int
    pairs_scored: int
    bytes: int
    seconds: float
    """From the first byte fetched to the end of scoring, pauses excluded."""


class UnitDropped(Event, frozen=True, kw_only=True, tag="unit_dropped"):
    """The unit went back to the server without a result (`abandoned`), or the server had already
    taken it away."""

    unit: str
    lease: str
    abandoned: bool
    code: str
    message: str
    next_step: str


class Held(Event, frozen=True, kw_only=True, tag="held"):
    """The leases held now. A page that is being closed abandons them:
    POST /leases/{lease}/abandon with `keepalive`."""

    leases: list[str]


class Waiting(Event, frozen=True, kw_only=True, tag="waiting"):
    """No work now: `reason` as in protocol.Idle, or an error's code."""

    reason: str
    seconds: float


class Seen(Struct, frozen=True, kw_only=True, rename="camel"):
    """One pair as it was scored."""

    index: int
    """In the unit."""
    uid: str
    caption: str
    """As it stands in the shard, at most 2,000 characters of it."""
    ids: list[int]
    """Token ids up to and with the end-of-text token; empty if the caption has none."""
    status: int
    """protocol.PairStatus."""
    score: float | None
    """The first of `values`; None if there are none."""
    values: list[float]
    """One for each of the agent's columns; empty where the status isn't SCORED."""
    image: Span | None
    """Relative to the unit's blob."""


class Batch(Event, frozen=True, kw_only=True, tag="seen"):
    """Pairs that are done. `columns`: what the agent says of each."""

    unit: str
    pool: str
    bundle: str
    agent: str
    columns: tuple[Column, ...]
    pairs: list[Seen]


class Observer(Protocol):
    """Gets every event as it happens. Must return quickly and not raise."""

    def event(self, event: Event) -> None: ...

    def seen(self, batch: Batch, blob: Blob) -> None:
        """Pairs were scored. `blob` is the unit's bytes in the engine's hands; it may be released
        after this call returns."""
        ...


def to_json(event: Event) -> str:
    """JSON with camelCase names and a `kind`; spans are [start, size]."""
    return msgspec.json.encode(event).decode()


def problem(error: DvaError, *, where: str = "", retry_in_s: float | None = None) -> Problem:
    """An error as an event."""
    return Problem(
        code=error.code,
        message=str(error),
        next_step=error.next_step,
        where=where,
        retry_in_s=retry_in_s,
    )


class Silent:
    """An observer that looks away."""

    def event(self, event: Event) -> None:
        """Ignore it."""

    def seen(self, batch: Batch, blob: Blob) -> None:
        """Ignore it."""
