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
    many too close to call, which more pairs show."""
    claims = zip(posted_statuses, recomputed_statuses, strict=True)
    pairs = [(one, other) for one, other in claims if one != PairStatus.WITHHELD]
    scored = (np.asarray(posted_statuses) == PairStatus.SCORED) & (
        np.asarray(recomputed_statuses) == PairStatus.SCORED
    )
    differences = (posted - recomputed)[scored]
    largest = float(np.max(np.abs(differences), initial=0.0))
    mean = float(np.mean(differences)) if differences.size else 0.0
    disputed = [{one, other} for one, other in pairs if one != other]
    borderline = int((np.abs(differences).max(axis=1, initial=0.0) > tolerance.accept).sum())
    doubtful = len(disputed) + borderline
    kind: Literal["passed", "again", "failed"] = "passed"
    reason = ""
    if any(dispute != _BY_DECODERS for dispute in disputed):
        kind, reason = "failed", "status_differs"
    elif not largest <= tolerance.reject:
        kind, reason = "failed", "score_differs"
    elif differences.size >= BIAS_PAIRS and not abs(mean) <= tolerance.bias:
        kind, reason = "failed", "score_biased"
    elif len(pairs) >= DOUBTFUL_PAIRS and doubtful > len(pairs) * DOUBTFUL_SHARE:
        kind, reason = "failed", "score_doubtful"
    elif disputed:
        kind, reason = "again", "status_disputed"
    elif borderline:
        kind, reason = "again", "score_borderline"
    return Verdict(kind=kind, reason=reason, largest=largest, mean=mean)
