"""Where a cut lies: DataComp's own rule, ties included. Pure.

DataComp's baselines sort all scores downwards and take the one at the index floor(n * fraction),
counted from 0, as the threshold; whatever is at or above it is in. So without ties the best 15% of
20 million are 3,000,001 pairs, and pairs that tie with the threshold are all in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from server.errors import SelectionError

Rule = Literal["top", "threshold", "count"]
TIES = "Members are all pairs whose score is at or above the threshold; ties with it are all in."


@dataclass(frozen=True, kw_only=True)
class Cut:
    """`top`: a share, above 0 and up to 1. `threshold`: a score in [-1, 1]. `count`: so many of the
    best, from 1, and those that tie with the last of them. Raises SelectionError."""

    rule: Rule
    value: float

    def __post_init__(self) -> None:
        if self.rule == "top" and not 0 < self.value <= 1:
            raise SelectionError("A share lies above 0 and up to 1.", code="cut_invalid")
        if self.rule == "threshold" and not -1 <= self.value <= 1:
            raise SelectionError("A threshold lies from -1 to 1.", code="cut_invalid")
        if self.rule == "count" and (self.value < 1 or self.value != int(self.value)):
            raise SelectionError("A count is a whole number from 1.", code="cut_invalid")

    def place(self, scored: int) -> int | None:
        """The index, from 0 and downwards by score, of the score that is the threshold; None where
        the cut names the threshold itself. Raises SelectionError if there aren't so many."""
        if not scored:
            raise SelectionError(
                "No pair has a score, so there is nothing to cut.",
                code="nothing_scored",
                next_step="Where audits haven't confirmed any yet, --state all takes what waits.",
            )
        if self.rule == "threshold":
            return None
        if self.rule == "top":
            return min(int(scored * self.value), scored - 1)
        if self.value > scored:
            raise SelectionError(
                f"Only {scored:,} pairs have a score.",
                code="cut_invalid",
                next_step=f"Try --count {scored}",
            )
        return int(self.value) - 1


def holder(counts: npt.NDArray[np.int64], place: int) -> tuple[int, int]:
    """Of groups in falling order: the index of the one that holds `place`, and how many are before
    it. `place` is below the sum of `counts`."""
    ends = np.cumsum(counts)
    index = int(np.searchsorted(ends, place, side="right"))
    return index, int(ends[index] - counts[index])
