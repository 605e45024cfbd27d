"""What was posted beside what was recomputed: by the policy where scores have noise, by the agent's
own `judge` for agents that aren't dva."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from dva_agent.agents.base import DataAgent, Outcome, PairOutcome
from dva_agent.agents.base import Verdict as PairVerdict
from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.protocol import PairStatus

from server.pools.tolerance import Tolerance
from server.trust import judging
from server.trust.judging import Floats, Verdict

NAME_OF_DVA = "dva"


def outcomes(scores: bytes, statuses: bytes, positions: Sequence[int]) -> Outcome:
    """The pairs of a stored result at `positions`."""
    table = np.frombuffer(scores, "<f4").reshape(len(statuses), -1)
    return Outcome(
        pairs=[
            PairOutcome(
                status=PairStatus(statuses[place]),
                values=() if statuses[place] else tuple(float(v) for v in table[place]),
            )
            for place in positions
        ]
    )


def compared(statuses: bytes, positions: Sequence[int]) -> tuple[int, ...]:
    """Those of the positions that are to be recomputed: nobody computed what was withheld."""
    return tuple(place for place in positions if statuses[place] != PairStatus.WITHHELD)


def judge(
    agent: DataAgent,
    manifest: Manifest,
    tolerance: Tolerance,
    posted: Outcome,
    recomputed: Outcome,
) -> Verdict:
    """Of all pairs that were looked at so far."""
    if agent.name == NAME_OF_DVA:
        return judging.judge(
            _table(posted, len(agent.columns)),
            _statuses(posted),
            _table(recomputed, len(agent.columns)),
            _statuses(recomputed),
            tolerance,
        )
    room = manifest.rung(REFERENCE_RUNG).tolerance
    verdicts = Counter(
        agent.judge(claimed, found, room)
        for claimed, found in zip(posted.pairs, recomputed.pairs, strict=True)
    )
    pairs, doubtful = len(posted.pairs), verdicts[PairVerdict.LOOK_AGAIN]
    largest = _largest(posted, recomputed)
    if verdicts[PairVerdict.REJECT]:
        return Verdict(kind="failed", reason="value_differs", largest=largest, mean=0.0)
    disputed = judging.disputes(_statuses(posted), _statuses(recomputed))
    if judging.are_many(len(disputed), pairs):
        return Verdict(kind="failed", reason=judging.DISPUTED, largest=largest, mean=0.0)
    if pairs >= judging.DOUBTFUL_PAIRS and doubtful > pairs * judging.DOUBTFUL_SHARE:
        return Verdict(kind="failed", reason="value_doubtful", largest=largest, mean=0.0)
    if disputed and pairs < judging.DISPUTED_AFTER:
        return Verdict(kind="again", reason=judging.DISPUTED, largest=largest, mean=0.0)
    if doubtful > len(disputed):
        return Verdict(kind="again", reason="borderline", largest=largest, mean=0.0)
    return Verdict(kind="passed", reason="", largest=largest, mean=0.0)


def pack(outcome: Outcome, columns: int) -> tuple[bytes, bytes]:
    """Values as float32 and statuses as uint8, to be kept."""
    statuses = bytes(_statuses(outcome))
    return _table(outcome, columns).astype("<f4").tobytes(), statuses


def _statuses(outcome: Outcome) -> list[int]:
    return [pair.status for pair in outcome.pairs]


def _table(outcome: Outcome, columns: int) -> Floats:
    """[pairs, columns]; zeros where a pair has no values."""
    table = np.zeros((len(outcome.pairs), columns))
    for row, pair in zip(table, outcome.pairs, strict=True):
        if pair.values:
            # As they would have come out of a posted result.
            row[:] = np.asarray(pair.values, "<f4")
    return table


def _largest(one: Outcome, other: Outcome) -> float:
    differences = (
        abs(a - b)
        for first, second in zip(one.pairs, other.pairs, strict=True)
        for a, b in zip(first.values, second.values, strict=False)
    )
    return max(differences, default=0.0)
