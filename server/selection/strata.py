"""A cut within each stratum: how many each is due, and where its threshold lies.

The cut as a whole takes as many pairs as it would without strata (DataComp's rule; `--count` says
it). Each stratum is due its share of them, rounded down; what is missing goes one each to those
whose share lost most by that, and where two lost the same to the one whose name sorts first. So the
quotas add up exactly. A stratum's threshold is the score of the last pair it is due, and whatever
ties with that is in too; one that is due nothing has no threshold and no members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from server.errors import SelectionError
from server.selection.sorting import Members, Words

MAX_STRATA = 100_000
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """`name`: empty for pairs of which it isn't known. `quota`: what it is due; `members`: with
    ties."""

    name: str
    eligible: int
    quota: int
    members: int
    at_threshold: int
    threshold: float | None


class Names:
    """Strata as numbers, as they turn up. Raises SelectionError for too many."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def numbers(self, column: pa.Array) -> npt.NDArray[np.uint64]:
        coded = column.dictionary_encode()
        known = [
            self._numbers.setdefault(name, len(self._numbers))
            for name in coded.dictionary.to_pylist()
        ]
        if len(self._numbers) > MAX_STRATA:
            raise SelectionError(
                f"There are more than {MAX_STRATA:,} strata.",
                code="strata_too_many",
                next_step="Cut by something coarser: --per language, or --per shard.",
            )
        found: npt.NDArray[np.uint64] = np.array(known, np.uint64)[coded.indices.to_numpy()]
        return found


def apportion(total: int, sizes: Sequence[int]) -> list[int]:
    """`total`, at most their sum, in proportion: whole numbers that add up to it, none above its
    size. Of equal remainders the first ones get more."""
    whole = sum(sizes)
    quotas = [total * size // whole for size in sizes]
    rest = [total * size % whole for size in sizes]
    missing = total - sum(quotas)
    for index in sorted(range(len(sizes)), key=lambda index: -rest[index])[:missing]:
        quotas[index] += 1
    return quotas


def falling(scores: npt.NDArray[np.float64]) -> Words:
    """Numbers that sort the other way round than these scores, which have no -0.0."""
    bits = scores.view(np.uint64)
    rising = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return ~rising


class Places:
    """Finds the threshold of each stratum from all scores, sorted by stratum and falling."""

    def __init__(self, quotas: Sequence[int]) -> None:
        size = len(quotas)
        self._quotas = quotas
        self.threshold = np.full(size, np.nan)
        self.members = [0] * size
        self.at_threshold = [0] * size
        self._seen = [0] * size
        self._tail = (0.0, 0)

    def add(self, block: Members) -> None:
        starts = np.flatnonzero(np.diff(block.high, prepend=block.high[:1] + np.uint64(1)))
        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            self._add(int(block.high[start]), block.score[start:end])

    def _add(self, number: int, scores: npt.NDArray[np.float64]) -> None:
        quota, seen = self._quotas[number], self._seen[number]
        last, ties = self._tail if seen else (0.0, 0)
        self._seen[number] += len(scores)
        if seen < quota <= seen + len(scores):
            threshold = float(scores[quota - 1 - seen])
            self.threshold[number] = threshold
            self.at_threshold[number] = ties if ties and last == threshold else 0
            self.members[number] = seen + int(np.count_nonzero(scores > threshold))
        if seen + len(scores) >= quota > 0:
            equal = int(np.count_nonzero(scores == self.threshold[number]))
            self.at_threshold[number] += equal
            self.members[number] += equal
        equal = int(np.count_nonzero(scores == scores[-1]))
        before = ties if equal == len(scores) and last == scores[-1] else 0
        self._tail = float(scores[-1]), before + equal
