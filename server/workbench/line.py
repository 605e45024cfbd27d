"""Where a cut would lie among ranked pairs, and which pairs are near it. The rule is that of
`server.selection.cut`; no scores but those of one bin are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from server.selection.cut import Cut, holder
from server.workbench.ranking import BINS, Counts, Ranking, Records

GOLDEN = 0.6180339887498949
"""Each page of the whole range falls into the largest gap that those before it left."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a cut comes to. `threshold`: the exact score, None where each stratum has its own;
    `members`: at or above it."""

    threshold: float | None
    scored: int
    members: int
    at_threshold: int


def find(rankings: Sequence[Ranking], cut: Cut) -> Line:
    """Of all of them together. Raises SelectionError for what can't be cut."""
    scored = sum(map(len, rankings))
    place = cut.place(scored)
    if place is None:
        threshold = np.float32(cut.value)
    else:
        threshold = np.float32(at(rankings, scored - 1 - place)["score"])
    below = sum(ranking.below(threshold) for ranking in rankings)
    above = sum(ranking.below(np.nextafter(threshold, np.float32(2))) for ranking in rankings)
    # Adding 0.0 makes one zero of two.
    return Line(
        threshold=float(threshold) + 0.0,
        scored=scored,
        members=scored - below,
        at_threshold=above - below,
    )


def counts(rankings: Sequence[Ranking]) -> Counts:
    """[BINS]"""
    together: Counts = np.sum([ranking.counts for ranking in rankings], axis=0)
    return together


def at(rankings: Sequence[Ranking], place: int) -> np.void:
    """The pair at this place, counted from 0 at the lowest score."""
    bin, before = holder(counts(rankings), place)
    inside = np.concatenate([ranking.in_bin(bin) for ranking in rankings])
    found: np.void = inside[np.argsort(inside["score"], kind="stable")[place - before]]
    return found


def above(rankings: Sequence[Ranking], threshold: float, page: int, size: int) -> Records:
    """Those next to the threshold, at or above it, the lowest first; `page` counts from 0."""
    parts = []
    for ranking in rankings:
        first = ranking.below(np.float32(threshold))
        parts.append(ranking.records[first : first + (page + 1) * size])
    near = _rising(parts)
    return near[page * size : (page + 1) * size]


def below(rankings: Sequence[Ranking], threshold: float, page: int, size: int) -> Records:
    """Those next to the threshold, below it, the highest first."""
    parts = []
    for ranking in rankings:
        last = ranking.below(np.float32(threshold))
        parts.append(ranking.records[max(last - (page + 1) * size, 0) : last])
    near = _rising(parts)[::-1]
    return near[page * size : (page + 1) * size]


def across(rankings: Sequence[Ranking], page: int, size: int) -> Records:
    """At even distances through all of them by rank, the highest first; other ones on each page."""
    scored = sum(map(len, rankings))
    places = spread(scored, page, size)
    found = [at(rankings, place) for place in reversed(places)]
    return np.array(found, dtype=rankings[0].records.dtype) if found else rankings[0].records[:0]


def spread(number: int, page: int, size: int) -> list[int]:
    """`size` places of `number` ones, rising, at even distances."""
    phase = (0.5 + page * GOLDEN) % 1
    return sorted({int((step + phase) / size * number) for step in range(min(size, number))})


def _rising(parts: Sequence[Records]) -> Records:
    together = np.concatenate(parts)
    return together[np.argsort(together["score"], kind="stable")]


def bars(counted: Counts, most: int) -> tuple[int, int]:
    """Over the range that is used: the bin it begins at, and how many bins a bar has so that there
    are at most `most` bars. A whole multiple, so that bars don't shift as scores come."""
    used = np.flatnonzero(counted)
    if not len(used):
        return 0, BINS
    width = 1
    while int(used[-1]) // width - int(used[0]) // width + 1 > most:
        width *= 2
    return int(used[0]) // width * width, width
