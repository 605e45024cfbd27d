"""Which pairs an operator keeps out of a pool while it is ingested: by uid, by the picture's
sha256, by how unsafe its metadata calls it.

Lists are text, one entry a line, with blank lines and #-comments; uids may also come in DataComp's
layout, a `u8,u8` .npy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from server.errors import PoolError
from server.npy import read_rows

UID = re.compile(r"[0-9A-Za-z_.:-]{1,64}")
LAYOUT = np.dtype("u8,u8")
MAX_LINE = 1024
_HEX_UID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MASK = 2**64 - 1

Denial = Literal["denied_uid", "denied_hash", "denied_nsfw", "taken_down"]


class UidSet:
    """Uids by the ten million: those of 32 hex digits take 16 bytes each."""

    def __init__(self, hexes: npt.NDArray[np.void], others: frozenset[str]) -> None:
        order = np.lexsort((hexes["f1"], hexes["f0"]))
        self._high = np.ascontiguousarray(hexes["f0"][order])
        self._low = np.ascontiguousarray(hexes["f1"][order])
        self._others = others

    def __contains__(self, uid: str) -> bool:
        lower = uid.lower()
        if not _HEX_UID.fullmatch(lower):
            return uid in self._others
        number = int(lower, 16)
        high, low = np.uint64(number >> 64), np.uint64(number & _MASK)
        first, last = (int(self._high.searchsorted(high, side)) for side in _SIDES)
        place = first + int(self._low[first:last].searchsorted(low))
        return place < last and bool(self._low[place] == low)

    def __len__(self) -> int:
        return len(self._high) + len(self._others)


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_NO_UIDS = UidSet(np.empty(0, LAYOUT), frozenset())


@dataclass(frozen=True, kw_only=True)
class Gone:
    """uids (those of 32 hex digits in lower case), digests and hosts that were taken down, by the
    orders up to number `last`."""

    uids: frozenset[str] = frozenset()
    hashes: frozenset[bytes] = frozenset()
    hosts: frozenset[str] = frozenset()
    last: int = 0

    def has(self, uid: str, hashes: Collection[bytes], host: str | None) -> bool:
        if self.uids and (uid.lower() if _HEX_UID.fullmatch(uid.lower()) else uid) in self.uids:
            return True
        if any(digest in self.hashes for digest in hashes):
            return True
        names = host.split(".") if host and self.hosts else []
        return any(".".join(names[first:]) in self.hosts for first in range(len(names)))

    def beyond(self, known: Gone) -> Gone:
        """What isn't among `known`."""
        return Gone(
            uids=self.uids - known.uids,
            hashes=self.hashes - known.hashes,
            hosts=self.hosts - known.hosts,
            last=self.last,
        )

    def may_have(self, uids: Sequence[str], hosts: Sequence[str | None]) -> bool:
        """Whether one of these pairs, as far as that shows without its picture."""
        if self.hashes:
            return True
        return any(self.has(uid, (), host) for uid, host in zip(uids, hosts, strict=True))


class Orders(Protocol):
    """Who keeps what was taken down."""

    def gone(self, session: Session) -> Gone:
        """Everything that ever was."""
        ...

    def last(self, session: Session) -> int:
        """The number of the last order. Until the transaction ends, nobody gives another."""
        ...


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The default keeps everything."""

    uids: UidSet = field(default=_NO_UIDS)
    hashes: Collection[bytes] = frozenset()
    """sha256 digests of pictures."""
    max_nsfw: float | None = None
    """A pair whose metadata says more is kept out; one whose metadata says nothing is not."""

    gone: Gone = field(default=Gone())
    """What was taken down: it stays away from shards that come later, too."""

    @property
    def any_hash(self) -> bool:
        """Whether pictures are asked for by their bytes."""
        return bool(self.hashes or self.gone.hashes)

    @property
    def any(self) -> bool:
        return bool(len(self.uids) or self.hashes or self.max_nsfw is not None)

    def denial(
        self, *, uid: str, hashes: Collection[bytes], nsfw: float | None, host: str | None = None
    ) -> Denial | None:
        """Why a pair is kept out. `hashes`: of its picture as it lies in the shard, and as its
        metadata says it was before it was made smaller."""
        if self.gone.has(uid, hashes, host):
            return "taken_down"
        if uid in self.uids:
            return "denied_uid"
        if any(digest in self.hashes for digest in hashes):
            return "denied_hash"
        if self.max_nsfw is not None and nsfw is not None and nsfw > self.max_nsfw:
            return "denied_nsfw"
        return None


def read_filters(uids: Path | None, hashes: Path | None, max_nsfw: float | None) -> Filters:
    """Raises PoolError for a list that is none."""
    return Filters(
        uids=read_uids(uids) if uids else _NO_UIDS,
        hashes=frozenset(_read_hashes(hashes)) if hashes else frozenset(),
        max_nsfw=max_nsfw,
    )


def read_uids(path: Path) -> UidSet:
    """Raises PoolError."""
    if path.suffix == ".npy":
        return UidSet(_read_layout(path), frozenset())
    numbers: list[int] = []
    others: set[str] = set()
    for number, line in _lines(path):
        lower = line.lower()
        if _HEX_UID.fullmatch(lower):
            numbers.append(int(lower, 16))
        elif UID.fullmatch(line):
            others.add(line)
        else:
            raise _no_list(path, f"line {number} is no uid")
    hexes = np.empty(len(numbers), LAYOUT)
    hexes["f0"] = np.array([number >> 64 for number in numbers], np.uint64)
    hexes["f1"] = np.array([number & _MASK for number in numbers], np.uint64)
    return UidSet(hexes, frozenset(others))


def sha256_of(text: object) -> bytes | None:
    """The digest that 64 hex digits are; None for anything else."""
    lower = text.strip().lower() if isinstance(text, str) else ""
    return bytes.fromhex(lower) if _SHA256.fullmatch(lower) else None


def _read_hashes(path: Path) -> Iterator[bytes]:
    for number, line in _lines(path):
        digest = sha256_of(line)
        if digest is None:
            raise _no_list(path, f"line {number} is no sha256 of 64 hex digits")
        yield digest


def _read_layout(path: Path) -> npt.NDArray[np.void]:
    try:
        return read_rows(path, LAYOUT)
    except (OSError, ValueError) as error:
        raise _no_list(path, str(error)) from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number, from 1, and content of each line that has some."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(MAX_LINE):
                number += 1
                line = line.partition("#")[0].strip()
                if line:
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise _no_list(path, str(error)) from error


def _no_list(path: Path, why: str) -> PoolError:
    return PoolError(
        f"{path} can't be used as a list: {why}.",
        code="deny_list_invalid",
        next_step="One entry a line, or uids in DataComp's layout, a u8,u8 .npy. "
        "Nothing was taken in.",
    )
