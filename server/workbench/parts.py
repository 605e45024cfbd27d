"""Eligible pairs by stratum, so that a cut within each is known wherever the line is drawn. The
rule is that of `server.selection.strata`.

    NAME.rank    RECORD, by the name of the stratum, then rising by score; `shard`: its number
    NAME.npy     int64 [strata + 1], where each begins
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from server.errors import SelectionError
from server.selection.cut import Cut
from server.selection.strata import apportion
from server.workbench.line import Line, spread
from server.workbench.ranking import BINS, ROOM, Counts, Ranking, Records, bins_of

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    names: Sequence[str]
    records: Records
    starts: Counts

    @classmethod
    def read(cls, folder: Path, name: str, names: Sequence[str]) -> Parts:
        """Raises OSError, ValueError."""
        ranking = Ranking.read(folder, name)
        return cls(names, ranking.records, ranking.starts)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> Counts:
        """[strata]"""
        return np.diff(self.starts)


@dataclass(frozen=True, kw_only=True)
class Division:
    """[strata] each. `quotas`: what is due; `firsts`: where members begin in the records of
    `parts`, its end for a stratum that has none; `thresholds`: NaN for such; `ties`: members at
    it."""

    parts: Parts
    quotas: Counts
    firsts: Counts
    thresholds: Scores
    ties: Counts

    @property
    def members(self) -> Counts:
        """[strata]"""
        return self.parts.starts[1:] - self.firsts

    @property
    def line(self) -> Line:
        return Line(
            threshold=None,
            scored=len(self.parts.records),
            members=int(self.members.sum()),
            at_threshold=int(self.ties.sum()),
        )

    def counts(self) -> Counts:
        """[BINS]: members by score. Looks at each pair once."""
        total = np.zeros(BINS, np.int64)
        for first in range(0, len(self.parts.records), ROOM):
            block = self.parts.records[first : first + ROOM]
            is_member = np.arange(first, first + len(block)) >= self.firsts[block["shard"]]
            total += np.bincount(bins_of(block["score"][is_member]), minlength=BINS)
        return total


def write(
    folder: Path, name: str, ranking: Ranking, names: Sequence[str], going: Callable[[], None]
) -> None:
    """`ranking`: what is ranked by score alone, `shard` a place in `names`. Dealing it out as it
    lies leaves each stratum in order, so nothing is sorted again."""
    number = np.empty(len(names), np.int64)
    number[np.argsort(np.array(names, object))] = np.arange(len(names))
    sizes = np.zeros(len(names), np.int64)
    for block in ranking.blocks():
        going()
        sizes += np.bincount(number[block["shard"]], minlength=len(names))
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    np.save(folder / f"{name}.npy", starts)
    path = folder / f"{name}.rank"
    if not len(ranking):
        path.touch()
        return
    target = np.memmap(path, ranking.records.dtype, mode="w+", shape=(len(ranking),))
    filled = starts[:-1].copy()
    for block in ranking.blocks():
        going()
        records = np.array(block)
        records["shard"] = number[records["shard"]]
        records = records[np.argsort(records["shard"], kind="stable")]
        which, first, count = np.unique(records["shard"], return_index=True, return_counts=True)
        within = np.arange(len(records)) - np.repeat(first, count)
        target[np.repeat(filled[which], count) + within] = records
        filled[which] += count
    target.flush()


def divide(parts: Parts, cut: Cut) -> Division:
    """Raises SelectionError for what can't be cut within strata."""
    if cut.rule == "threshold":
        raise SelectionError("A threshold is the same in every stratum.", code="cut_invalid")
    sizes = parts.sizes
    place = cut.place(int(sizes.sum()))
    assert place is not None, "no threshold, so a place"
    quotas = np.array(apportion(place + 1, sizes.tolist()), np.int64)
    scores = parts.records["score"]
    firsts = parts.starts[1:].copy()
    thresholds = np.full(len(parts), np.nan, np.float32)
    ties = np.zeros(len(parts), np.int64)
    due = np.flatnonzero(quotas)
    low, high = parts.starts[:-1][due], parts.starts[1:][due]
    thresholds[due] = scores[high - quotas[due]]
    firsts[due] = _bisect(scores, low, high, thresholds[due], "left")
    ties[due] = _bisect(scores, low, high, thresholds[due], "right") - firsts[due]
    return Division(parts=parts, quotas=quotas, firsts=firsts, thresholds=thresholds, ties=ties)


def near(division: Division, page: int, size: int, side: Literal["above", "below"]) -> Records:
    """Next to the lines, the nearest of each stratum first, from the largest stratum on; then the
    second of each."""
    parts = division.parts
    if side == "above":
        begin, step, available = division.firsts, 1, division.members
    else:
        begin, step, available = division.firsts - 1, -1, division.firsts - parts.starts[:-1]
    wanted = (page + 1) * size
    order = np.argsort(-parts.sizes, kind="stable")
    going = order[available[order] > 0][:wanted].tolist()
    places: list[int] = []
    depth = 0
    while going and len(places) < wanted:
        places += [int(begin[number]) + step * depth for number in going]
        depth += 1
        going = [number for number in going if available[number] > depth]
    return np.array(parts.records[np.array(places[page * size : wanted], np.int64)])


def across(parts: Parts, page: int, size: int) -> Records:
    """At even distances through all strata, the best first."""
    places = np.array(spread(len(parts.records), page, size), np.int64)
    found = np.array(parts.records[places])
    return found[np.argsort(-found["score"], kind="stable")]


def _bisect(
    scores: Scores, low: Counts, high: Counts, wanted: Scores, side: Literal["left", "right"]
) -> Counts:
    """What searchsorted finds, in a run of `scores` of its own for each of `wanted`."""
    low, high = low.copy(), high.copy()
    while len(going := np.flatnonzero(low < high)):
        middle = (low[going] + high[going]) // 2
        found = scores[middle]
        after = found < wanted[going] if side == "left" else found <= wanted[going]
        low[going] = np.where(after, middle + 1, low[going])
        high[going] = np.where(after, high[going], middle)
    return low
