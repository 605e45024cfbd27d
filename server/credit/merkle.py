"""Merkle trees as RFC 6962 makes them (section 2.1): SHA-256, leaves and nodes told apart by their
first byte, so that nothing can be passed off as the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Of the leaves' hashes; of none, the hash of nothing."""
    return _levels(leaves)[-1][0] if leaves else hashlib.sha256(b"").digest()


class Growing:
    """The root of leaves that come one after the other, in the memory of a path."""

    def __init__(self) -> None:
        self.leaves = 0
        self._peaks: list[bytes] = []

    def add(self, leaf_hash: bytes) -> None:
        self.leaves += 1
        self._peaks.append(leaf_hash)
        # As many whole trees as the count has trailing zeros end here.
        count = self.leaves
        while not count & 1:
            right = self._peaks.pop()
            self._peaks[-1] = node(self._peaks[-1], right)
            count >>= 1

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node(peak, found)
        return found


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes, lowest first, that lead from this leaf to the root."""
    found = []
    for level in _levels(leaves)[:-1]:
        # A last one without a partner goes up as it is.
        if (index ^ 1) < len(level):
            found.append(level[index ^ 1])
        index //= 2
    return found


def root_by(leaf_hash: bytes, index: int, leaves: int, path: Sequence[bytes]) -> bytes | None:
    """The root that this path leads to, None if no tree of so many leaves has such a path: as RFC
    9162, section 2.1.3.2."""
    if not 0 <= index < leaves:
        return None
    last, found = leaves - 1, leaf_hash
    for other in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            found = node(other, found)
            while not index & 1 and index:
                index, last = index // 2, last // 2
        else:
            found = node(found, other)
        index, last = index // 2, last // 2
    return found if last == 0 else None


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [node(left, right) for left, right in pairs]
        levels.append(above + below[-1:] if len(below) % 2 else above)
    return levels
