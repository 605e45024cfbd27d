"""A pool's scored pairs in the order of their scores, in one file: 28 bytes a pair.

Written in constant memory: what comes is kept as it comes and counted by bin; the counts say where
each run of bins begins in the sorted file, so one pass deals the pairs out and another sorts run
by run. Read through the page cache: a question takes a binary search and one bin.

    NAME.rank    RECORD, rising by score
    NAME.npy     int64 [BINS + 1], where each bin begins in it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

RECORD = np.dtype(
    [("score", "<f4"), ("shard", "<u4"), ("unit", "<u4"), ("high", "<u8"), ("low", "<u8")]
)
"""`shard`: its place in the snapshot's list; `unit`: its number in the shard; `high`, `low`: the
uid's halves, by which the pair is found in the unit."""
HALF = 1 << 15
BINS = 2 * HALF + 1
"""Over [-1, 1], the last for 1 itself."""
ROOM = 1 << 20
"""Pairs in memory at a time."""

Records = npt.NDArray[np.void]
Counts = npt.NDArray[np.int64]


def bins_of(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Of scores in [-1, 1]. Rounding keeps the order: what is above in bin is above in score."""
    return ((scores + np.float32(1)) * np.float32(HALF)).astype(np.int64)


def score_of(bin: int) -> float:
    """Where it begins."""
    return bin / HALF - 1


@dataclass(frozen=True)
class Ranking:
    records: Records
    starts: Counts

    @classmethod
    def read(cls, folder: Path, name: str) -> Ranking:
        """Raises OSError, ValueError."""
        path = folder / f"{name}.rank"
        # Nothing can't be mapped.
        empty = path.stat().st_size == 0
        records = np.empty(0, RECORD) if empty else np.memmap(path, RECORD, mode="r")
        return cls(records, np.load(folder / f"{name}.npy", allow_pickle=False))

    def __len__(self) -> int:
        return len(self.records)

    @property
    def counts(self) -> Counts:
        """[BINS]"""
        return np.diff(self.starts)

    def in_bin(self, bin: int) -> Records:
        return self.records[self.starts[bin] : self.starts[bin + 1]]

    def below(self, score: np.float32) -> int:
        """How many lie below it."""
        bin = int(bins_of(np.array([score]))[0])
        return int(self.starts[bin]) + int(
            np.searchsorted(self.in_bin(bin)["score"], score, side="left")
        )

    def blocks(self) -> Iterator[Records]:
        for first in range(0, len(self), ROOM):
            yield self.records[first : first + ROOM]


class Writer:
    """`room`: how many pairs may be in memory."""

    def __init__(self, folder: Path, name: str, room: int = ROOM) -> None:
        self._folder, self._name, self._room = folder, name, room
        self._arrived = (folder / f"{name}.arrived").open("w+b")
        self._counts = np.zeros(BINS, np.int64)

    def add(self, records: Records) -> None:
        """In any order, each score in [-1, 1]."""
        self._counts += np.bincount(bins_of(records["score"]), minlength=BINS)
        self._arrived.write(records.tobytes())

    def finish(self, going: Callable[[], None] = lambda: None) -> None:
        """`going` is called now and then: sorting takes minutes where there are many."""
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(self._counts)))
        np.save(self._folder / f"{self._name}.npy", starts)
        path = self._folder / f"{self._name}.rank"
        if starts[-1] == 0:
            path.touch()
        else:
            target = np.memmap(path, RECORD, mode="w+", shape=(int(starts[-1]),))
            self._deal(target, starts, going)
            target.flush()
        self.close()

    def close(self) -> None:
        self._arrived.close()
        (self._folder / f"{self._name}.arrived").unlink(missing_ok=True)

    def _deal(self, target: Records, starts: Counts, going: Callable[[], None]) -> None:
        edges = runs(starts, self._room)
        places = starts[edges]
        filled = places[:-1].copy()
        self._arrived.seek(0)
        while data := self._arrived.read(self._room * RECORD.itemsize):
            going()
            records = np.frombuffer(data, RECORD)
            run = np.searchsorted(edges, bins_of(records["score"]), side="right") - 1
            order = np.argsort(run, kind="stable")
            ends = np.searchsorted(run[order], np.arange(len(filled)), side="right")
            first = 0
            for which, last in enumerate(ends.tolist()):
                target[filled[which] : filled[which] + last - first] = records[order[first:last]]
                filled[which] += last - first
                first = last
        for first, last in pairwise(places):
            going()
            records = np.array(target[first:last])
            # By uid where scores tie, so that the same pairs always make the same file.
            target[first:last] = records[
                np.lexsort((records["low"], records["high"], records["score"]))
            ]


def runs(starts: Counts, room: int) -> Counts:
    """Bins at which runs begin, and BINS: each run holds at most `room` pairs, or is one bin."""
    edges = [0]
    while edges[-1] < BINS:
        full = int(np.searchsorted(starts, starts[edges[-1]] + room, side="right")) - 1
        edges.append(max(full, edges[-1] + 1))
    return np.array(edges)
