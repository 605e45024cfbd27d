"""What a DataAgent is. One class runs in the tab, in a terminal and in the server's auditor.

An agent says what one unit needs; the runner owns everything around it (leases, the pipeline
across units, pauses, failures). How to write one: docs/agents.md.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from dva_agent.bundle import Tolerance
from dva_agent.engine import Blob, Engine
from dva_agent.events import Seen
from dva_agent.model import Model
from dva_agent.protocol import Column, Lease, Need, PairStatus, Span

SHOWN_CAPTION = 2000
"""Characters of a caption that whoever watches is told."""

Watch = Callable[[Sequence[Seen]], Awaitable[None]]
"""Called once per batch with the pairs that are done, in the unit's order; returns when the agent
may go on, so a pause happens here."""


@dataclass(frozen=True, kw_only=True)
class PairOutcome:
    """`values`: one for each of the agent's columns; empty where the status isn't SCORED."""

    status: PairStatus
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One PairOutcome for each pair of the unit, in its order."""

    pairs: list[PairOutcome]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One leased unit whose bytes are here. Spans of `lease` are absolute: see `local`. For an
    agent that needs no images, it may have none."""

    lease: Lease
    blob: Blob
    model: Model
    turn: AbstractAsyncContextManager[object]
    """Held while the engine encodes: units may prepare side by side, but compute in turn."""

    def local(self, span: Span | None) -> Span | None:
        """A span of the lease, relative to `blob`; None for a member that the shard lacks."""
        if span is None:
            return None
        return Span(start=span.start - self.lease.span.start, size=span.size)

    def captions(self) -> list[Span | None]:
        """Where each pair's caption lies in `blob`."""
        return [self.local(pair.caption) for pair in self.lease.pairs]

    def images(self) -> list[Span | None]:
        """Where each pair's image lies in `blob`."""
        return [self.local(pair.image) for pair in self.lease.pairs]

    def seen(
        self,
        index: int,
        outcome: PairOutcome,
        *,
        caption: str = "",
        ids: Sequence[int] = (),
        image: Span | None = None,
    ) -> Seen:
        """What to tell `watch` of pair `index`. `image`: relative to `blob`, for whoever watches to
        show. One that is too large for the engine is too large to be shown."""
        too_large = outcome.status == PairStatus.IMAGE_TOO_LARGE
        return Seen(
            index=index,
            uid=self.lease.pairs[index].uid,
            caption=caption[:SHOWN_CAPTION],
            ids=list(ids),
            status=int(outcome.status),
            score=outcome.values[0] if outcome.values else None,
            values=list(outcome.values),
            image=None if too_large else image,
        )


class Verdict(enum.Enum):
    """How a claimed outcome of a pair stands beside the recomputed one."""

    ACCEPT = "accept"
    LOOK_AGAIN = "look_again"
    """Too far for arithmetic alone, too near to be made up: recompute more pairs."""
    REJECT = "reject"


class DataAgent(Protocol):
    """A module of dva_agent.agents offers one as its `AGENT`; that is all it takes to be found."""

    @property
    def name(self) -> str:
        """As in Lease.agent: a protocol.Identifier, and nobody else's."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """Without "model" no model is downloaded and no self-test is run, and the engine's
        `encode_images`, `encode_texts`, `similarity` and `download` raise EngineError. Without
        "images" a unit may come without its pictures."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it says of each pair; the first is what a page draws. Results outside of it are
        refused, by the agent's own side and by the server."""
        ...

    async def run(self, unit: Unit, engine: Engine, watch: Watch) -> Outcome:
        """Raises EngineError or ServerError; whatever happens, no handle but `unit.blob` is left
        unreleased. A pair that can't be scored gets a status and fails nothing."""
        ...

    def judge(self, claimed: PairOutcome, recomputed: PairOutcome, tolerance: Tolerance) -> Verdict:
        """Pure. Accepts what is equal; never accepts what `is_sound` refuses."""
        ...


def is_sound(outcome: PairOutcome, columns: Sequence[Column]) -> bool:
    """Whether an outcome can be an agent's of these columns at all: a value for each of them and
    inside of it, or none beside a status that isn't SCORED."""
    if outcome.status != PairStatus.SCORED:
        return not outcome.values
    return len(outcome.values) == len(columns) and all(
        column.holds(value) for column, value in zip(columns, outcome.values, strict=True)
    )


def judge_exactly(
    claimed: PairOutcome, recomputed: PairOutcome, columns: Sequence[Column]
) -> Verdict:
    """The `judge` of an agent whose arithmetic leaves no room: equal as float32, or wrong."""
    if not (is_sound(claimed, columns) and is_sound(recomputed, columns)):
        return Verdict.REJECT
    same = claimed.status == recomputed.status
    equal = _float32(claimed.values) == _float32(recomputed.values)
    return Verdict.ACCEPT if same and equal else Verdict.REJECT


def _float32(values: Sequence[float]) -> tuple[float, ...]:
    """As they come out of a result. Adding 0 makes -0 the same as 0."""
    form = f"<{len(values)}f"
    return tuple(value + 0.0 for value in struct.unpack(form, struct.pack(form, *values)))
