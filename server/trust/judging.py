"""What was posted beside what was recomputed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from dva_agent.protocol import PairStatus

from server.pools.tolerance import Tolerance

Floats = npt.NDArray[np.float64]
BIAS_PAIRS = 32
"""So many differences have to be there before their mean says anything."""
DOUBTFUL_PAIRS, DOUBTFUL_SHARE = 32, 0.25
"""Of so many pairs or more, no larger share may be too close to call."""
DISPUTED = "status_disputed"
"""A verdict's reason: decoders disagree."""
DISPUTED_PAIRS, DISPUTED_SHARE = 2, 0.02
"""On so many pairs decoders may differ by chance; on more of them only up to this share."""
DISPUTED_AFTER = 64
"""Once so many pairs were looked at, no further ones are for the sake of such a pair."""
_BY_DECODERS = {PairStatus.SCORED, PairStatus.IMAGE_BROKEN}
"""Decoders may disagree on damaged files; every other status follows from the bytes."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`largest`, `mean`: of the differences, the latter with their signs. `reason`: a code, empty
    where it passed."""

    kind: Literal["passed", "again", "failed"]
    reason: str
    largest: float
    mean: float


def judge(
    posted: Floats,
    posted_statuses: Sequence[int],
    recomputed: Floats,
    recomputed_statuses: Sequence[int],
    tolerance: Tolerance,
) -> Verdict:
    """All pairs of one result that were looked at; scores [pairs, columns], statuses one a pair. A
    pair that was withheld isn't compared: nobody computed it. One score past `reject`, or one
    status that no decoder explains, is enough: honest arithmetic never gives it. Nor does it leave
    many too close to call, nor do decoders differ on many, which more pairs show."""
    pairs = sum(status != PairStatus.WITHHELD for status in posted_statuses)
    scored = (np.asarray(posted_statuses) == PairStatus.SCORED) & (
        np.asarray(recomputed_statuses) == PairStatus.SCORED
    )
    differences = (posted - recomputed)[scored]
    largest = float(np.max(np.abs(differences), initial=0.0))
    mean = float(np.mean(differences)) if differences.size else 0.0
    disputed = disputes(posted_statuses, recomputed_statuses)
    borderline = int((np.abs(differences).max(axis=1, initial=0.0) > tolerance.accept).sum())
    doubtful = len(disputed) + borderline
    kind: Literal["passed", "again", "failed"] = "passed"
    reason = ""
    if are_unexplained(disputed):
        kind, reason = "failed", "status_differs"
    elif not largest <= tolerance.reject:
        kind, reason = "failed", "score_differs"
    elif differences.size >= BIAS_PAIRS and not abs(mean) <= tolerance.bias:
        kind, reason = "failed", "score_biased"
    elif are_many(len(disputed), pairs):
        kind, reason = "failed", DISPUTED
    elif pairs >= DOUBTFUL_PAIRS and doubtful > pairs * DOUBTFUL_SHARE:
        kind, reason = "failed", "score_doubtful"
    elif disputed and pairs < DISPUTED_AFTER:
        kind, reason = "again", DISPUTED
    elif borderline:
        kind, reason = "again", "score_borderline"
    return Verdict(kind=kind, reason=reason, largest=largest, mean=mean)


def disputes(posted: Sequence[int], recomputed: Sequence[int]) -> list[set[int]]:
    """Both statuses of each pair that has two, but for those that were withheld."""
    pairs = zip(posted, recomputed, strict=True)
    return [{one, other} for one, other in pairs if one not in (other, PairStatus.WITHHELD)]


def are_unexplained(disputed: Sequence[set[int]]) -> bool:
    """Whether decoders can't be the cause of one of them."""
    return any(dispute != _BY_DECODERS for dispute in disputed)


def are_many(disputed: int, pairs: int) -> bool:
    """Whether so many are more than decoders dispute by chance among so many pairs."""
    return disputed > max(DISPUTED_PAIRS, pairs * DISPUTED_SHARE)
