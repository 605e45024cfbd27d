"""How much a cut shares with another selection: counted once for each view, by bin, and with strata
along each of them, so that it is known at once wherever the line is drawn; in the line's own bin,
by uid.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from server.workbench.line import Line
from server.workbench.others import Other
from server.workbench.parts import Division, Parts
from server.workbench.ranking import BINS, ROOM, Counts, Records, bins_of
from server.workbench.view import View

ALONG = "along"
AT_ONCE = 1 << 18
LARGEST_AT_ONCE = 1 << 22
"""Pairs, and uids of the other one, that a request may look at itself."""
Found = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """`scored`: how many of the other one a cut is of here; `members`: how many of those are in
    it."""

    other: int
    scored: int
    members: int
    share_of_cut: float | None
    share_of_other: float | None
    jaccard: float | None


def is_counted(view: View, other: Other) -> bool:
    return all(path.is_file() for path in _paths(view, other))


def is_small(view: View, other: Other) -> bool:
    """A request may count it."""
    return len(view) <= AT_ONCE and len(other) <= LARGEST_AT_ONCE


def count(view: View, other: Other, progress: Progress = lambda *_: None) -> None:
    """Keeps what the two functions below need. `progress` counts pairs, in parts; what it raises
    ends it."""
    done, total = 0, -(-len(view) // ROOM)
    for path, ranking in zip(_paths(view, other), view.rankings, strict=False):
        if path.is_file():
            done += -(-len(ranking) // ROOM)
            continue
        counted = np.zeros(BINS, np.int64)
        for block in ranking.blocks():
            progress(done, total)
            within = block["score"][contains(other, block)]
            counted += np.bincount(bins_of(within), minlength=BINS)
            done += 1
        _keep(path, counted)
    if view.parts is not None and not (along := _paths(view, other)[-1]).is_file():
        _count_along(along, view.parts, other, lambda: progress(total, total))


def by_bin(view: View, other: Other) -> Counts:
    """[BINS]: how many of the other selection score there. It has been counted."""
    paths = _paths(view, other)[: len(view.by_name)]
    total: Counts = np.sum([np.load(path, allow_pickle=False) for path in paths], axis=0)
    return total


def shared(view: View, other: Other, line: Line, division: Division | None) -> Shared:
    """It has been counted."""
    counted = by_bin(view, other)
    if division is None:
        members = _above(view, other, counted, line)
    else:
        along = np.load(_paths(view, other)[-1], mmap_mode="r", allow_pickle=False)
        ends = division.parts.starts[1:]
        members = int((along[ends] - along[division.firsts]).sum())
    either = line.members + len(other) - members
    return Shared(
        other=len(other),
        scored=int(counted.sum()),
        members=members,
        share_of_cut=members / line.members if line.members else None,
        share_of_other=members / len(other) if len(other) else None,
        jaccard=members / either if either else None,
    )


def contains(other: Other, records: Records) -> Found:
    """[n]: which of these pairs are in it."""
    found = np.zeros(len(records), np.bool_)
    if not len(other) or not len(records):
        return found
    high, low = other.listed["f0"], other.listed["f1"]
    place = np.searchsorted(high, records["high"], side="left")
    going = np.arange(len(records))
    while len(going):
        # Few uids share their upper half, but some may: on through those that do.
        going = going[place[going] < len(other)]
        going = going[high[place[going]] == records["high"][going]]
        found[going[low[place[going]] == records["low"][going]]] = True
        going = going[~found[going]]
        place[going] += 1
    return found


def _above(view: View, other: Other, counted: Counts, line: Line) -> int:
    assert line.threshold is not None, "one for all"
    threshold = np.float32(line.threshold)
    bin = int(bins_of(np.array([threshold]))[0])
    members = int(counted[bin + 1 :].sum())
    for ranking in view.rankings:
        inside = ranking.in_bin(bin)
        members += int(contains(other, inside[inside["score"] >= threshold]).sum())
    return members


def _count_along(path: Path, parts: Parts, other: Other, going: Callable[[], None]) -> None:
    """int64 [n + 1]: how many of the parts' records before each place are in it."""
    with _new(path) as partial:
        size = len(parts.records) + 1
        along = np.lib.format.open_memmap(partial, mode="w+", dtype=np.int64, shape=(size,))
        along[0] = 0
        for first in range(0, size - 1, ROOM):
            going()
            found = contains(other, parts.records[first : first + ROOM])
            along[first + 1 : first + 1 + len(found)] = along[first] + np.cumsum(found)
        along.flush()


def _paths(view: View, other: Other) -> list[Path]:
    names = [*view.by_name, *([ALONG] if view.parts is not None else [])]
    return [view.folder / f"{name}.{other.key}.npy" for name in names]


def _keep(path: Path, counted: Counts) -> None:
    with _new(path) as partial, partial.open("wb") as file:
        np.save(file, counted)


@contextmanager
def _new(path: Path) -> Iterator[Path]:
    """What takes its place, once whole. Whoever counts it at the same time writes the same."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
