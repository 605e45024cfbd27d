"""What a DataAgent is. One class runs in the tab, in a terminal and in the server's auditor.

An agent says what one unit needs; the runner owns everything around it (leases, the pipeline
across units, pauses, failures).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from dva_agent.bundle import Tolerance
from dva_agent.engine import Blob, Engine
from dva_agent.events import Seen
from dva_agent.model import Model
from dva_agent.protocol import Lease, PairStatus, Span

Watch = Callable[[Sequence[Seen]], Awaitable[None]]
"""Called once per batch with the pairs that are done, in the unit's order; returns when the agent
may go on, so a pause happens here."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One leased unit whose bytes are here. Spans of `lease` are absolute: see `local`."""

    lease: Lease
    blob: Blob
    model: Model
    turn: AbstractAsyncContextManager[object]
    """Held while the engine encodes: units may prepare side by side, but compute in turn."""

    def local(self, span: Span) -> Span:
        """A span of the lease, relative to `blob`."""
        return Span(start=span.start - self.lease.span.start, size=span.size)


@dataclass(frozen=True, kw_only=True)
class PairOutcome:
    """`score` is exactly 0 where the status isn't SCORED."""

    status: PairStatus
    score: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One PairOutcome for each pair of the unit, in its order."""

    pairs: list[PairOutcome]


class Verdict(enum.Enum):
    """How a claimed outcome of a pair stands beside the recomputed one."""

    ACCEPT = "accept"
    LOOK_AGAIN = "look_again"
    """Too far for arithmetic alone, too near to be made up: recompute more pairs."""
    REJECT = "reject"


class DataAgent(Protocol):
    @property
    def name(self) -> str:
        """As in Lease.agent."""
        ...

    async def run(self, unit: Unit, engine: Engine, watch: Watch) -> Outcome:
        """Raises EngineError or ServerError; whatever happens, no handle but `unit.blob` is left
        unreleased. A pair that can't be scored gets a status and fails nothing."""
        ...

    def judge(self, claimed: PairOutcome, recomputed: PairOutcome, tolerance: Tolerance) -> Verdict:
        """Pure."""
        ...
