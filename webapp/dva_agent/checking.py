"""What holds for any result, whoever posts it. Pure: used by the server, and by the agent before it
sends."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dva_agent.errors import MessageError
from dva_agent.protocol import Column, PairStatus, Result, unpack_scores


def check_result(result: Result, pairs: int, columns: Sequence[Column]) -> None:
    """What holds for any acceptable result of a unit of `pairs` pairs by an agent that gives them
    `columns`; else MessageError with the code that docs/protocol.md lists."""
    scores = unpack_scores(result.scores)
    width = len(columns)
    if len(scores) != pairs * width or len(result.statuses) != pairs:
        raise MessageError(
            f"{len(scores)} scores and {len(result.statuses)} statuses for {pairs} pairs "
            f"of {width} columns",
            code="score_count_wrong",
        )
    if _is_plain(result.statuses, scores, columns):
        return
    known = frozenset(PairStatus)
    for index, status in enumerate(result.statuses):
        if status not in known:
            raise MessageError(f"pair {index}: no status {status}", code="status_unknown")
        row = scores[index * width : (index + 1) * width]
        for column, score in zip(columns, row, strict=True):
            code = _fault(column, score, scored=status == PairStatus.SCORED)
            if code:
                raise MessageError(
                    f"pair {index}: {column.name} {score} beside status {status}", code=code
                )


def _is_plain(statuses: bytes, scores: list[float], columns: Sequence[Column]) -> bool:
    """Whether it is acceptable, as most are, without a look at each score: everything was scored,
    and nothing is out of range."""
    if not statuses or statuses.count(PairStatus.SCORED) < len(statuses):
        return False
    if not math.isfinite(sum(scores)):
        return False
    for index, column in enumerate(columns):
        values = scores[index :: len(columns)]
        # Of what is a word, each is to be whole too.
        if not all(map(column.holds, values if column.labels else (min(values), max(values)))):
            return False
    return True


def _fault(column: Column, score: float, *, scored: bool) -> str:
    """Why a score can't be accepted, as a code; empty if it can."""
    if not math.isfinite(score):
        return "score_not_finite"
    if not scored:
        return "score_unexpected" if score else ""
    return "" if column.holds(score) else "score_out_of_range"
