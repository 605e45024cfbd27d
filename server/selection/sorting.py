"""Members in the order of their uids, however many there are: sorted runs on the disk, merged block
by block. An in-memory sort would need what the selection needs."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RUN = 1 << 21
"""Members sorted at once: 50 MB, and as much again while it is done."""
SCORE = 2
"""The score's place among the columns."""
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Members:
    """[n] each: the two halves of a uid, which sort like the whole, the score, and the number of
    the stratum where that matters."""

    high: Words
    low: Words
    score: npt.NDArray[np.float64]
    group: npt.NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.high)

    def __getitem__(self, which: slice | npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Members:
        return Members(*(column[which] for column in self.columns))

    @property
    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        """Those that are there, of 8 bytes each."""
        plain = (self.high, self.low, self.score)
        return plain if self.group is None else (*plain, self.group)

    def sorted(self) -> Members:
        """By uid; one that is there twice by score."""
        # Not the stable sort, which is slower: where the order could differ, it's sorted again.
        order = np.argsort(self.high)
        high = self.high[order]
        if (high[1:] == high[:-1]).any():
            order = np.lexsort((self.score, self.low, self.high))
        return self[order]

    def up_to(self, high: np.uint64, low: np.uint64) -> int:
        """How many of these, which are sorted, aren't above this uid."""
        first = int(np.searchsorted(self.high, high, side="left"))
        last = int(np.searchsorted(self.high, high, side="right"))
        return first + int(np.searchsorted(self.low[first:last], low, side="right"))


def joined(parts: list[Members]) -> Members:
    """At least one."""
    columns = zip(*(part.columns for part in parts), strict=True)
    return Members(*(np.concatenate(column) for column in columns))


def even(blocks: Iterable[Members], size: int) -> Iterator[Members]:
    """The same in blocks of `size`, and a last one: however they came, what is written is alike."""
    waiting: list[Members] = []
    count = 0
    for block in blocks:
        while count + len(block) >= size:
            yield joined([*waiting, block[: size - count]])
            block, waiting, count = block[size - count :], [], 0
        waiting.append(block)
        count += len(block)
    if count:
        yield joined(waiting)


class Sorter:
    """Takes members in any order, then gives them sorted. Writes runs into `folder`, which is the
    caller's to remove."""

    def __init__(self, folder: Path, run: int = RUN) -> None:
        self._folder, self._run = folder, run
        self._waiting: list[Members] = []
        self._count = 0
        self._written = 0
        self._lengths: list[int] = []
        self._kinds: tuple[np.dtype[Any], ...] = ()

    def add(self, members: Members) -> None:
        self._waiting.append(members)
        self._count += len(members)
        if self._count >= self._run:
            self._write()

    def __len__(self) -> int:
        return self._written + self._count

    def __iter__(self) -> Iterator[Members]:
        """Blocks, each sorted and none below the one before. Once, after everything was added."""
        if not self._lengths:
            if self._count:
                yield joined(self._waiting).sorted()
            return
        if self._count:
            self._write()
        size = max(1, self._run // len(self._lengths))
        runs = [
            _Run(self._folder / str(number), self._kinds, length, size)
            for number, length in enumerate(self._lengths)
        ]
        while runs:
            # Nothing that hasn't been read yet is below the least of the blocks' last ones.
            last = min((int(run.block.high[-1]), int(run.block.low[-1])) for run in runs)
            high, low = np.uint64(last[0]), np.uint64(last[1])
            yield joined([run.take(run.block.up_to(high, low)) for run in runs]).sorted()
            runs = [run for run in runs if len(run.block)]

    def scores(self) -> Iterator[npt.NDArray[np.float64]]:
        """Of all that was added, in any order."""
        for number, length in enumerate(self._lengths):
            with (self._folder / str(number)).open("rb") as file:
                file.seek(8 * SCORE * length)
                yield np.fromfile(file, np.float64, length)
        yield from (members.score for members in self._waiting)

    def _write(self) -> None:
        members = joined(self._waiting).sorted()
        with (self._folder / str(len(self._lengths))).open("wb") as file:
            for column in members.columns:
                file.write(column.tobytes())
        self._kinds = tuple(column.dtype for column in members.columns)
        self._lengths.append(len(members))
        self._written += len(members)
        self._waiting, self._count = [], 0


class _Run:
    """One sorted file, a block at a time; `block` is empty only at its end."""

    def __init__(
        self, path: Path, kinds: tuple[np.dtype[Any], ...], length: int, size: int
    ) -> None:
        self._path, self._kinds, self._length, self._size = path, kinds, length, size
        self._read = 0
        self.block = self._next()

    def take(self, count: int) -> Members:
        taken, self.block = self.block[:count], self.block[count:]
        if not len(self.block):
            self.block = self._next()
        return taken

    def _next(self) -> Members:
        count = min(self._size, self._length - self._read)
        with self._path.open("rb") as file:
            columns = [
                self._column(file, number, count).view(kind)
                for number, kind in enumerate(self._kinds)
            ]
        self._read += count
        return Members(*columns)

    def _column(self, file: io.BufferedReader, number: int, count: int) -> npt.NDArray[np.uint8]:
        file.seek(8 * (number * self._length + self._read))
        return np.frombuffer(file.read(8 * count), np.uint8)
