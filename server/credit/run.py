"""A run of results and what each earned, packed into a few bytes a unit.

A transfer stays when the results that it pays for are long compacted away: its run says which they
were, so that nothing is ever paid twice and everything that was paid can be explained.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from server.errors import LedgerError

CREDITS_PER_GFLOP = 1000
"""A credit is a million floating-point operations."""
_LEVEL = 9
_COLUMNS = 4


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What one result earns: `result_id` and `unit` are the rows' ids, `pairs` how many of its
    pairs count, `amount` their credits."""

    result_id: int
    unit: int
    pairs: int
    amount: int


def credits(pairs: int, gflops_per_pair: float) -> int:
    """What that many pairs are worth. A pair's credit is whole, so that sums are exact."""
    return pairs * round(gflops_per_pair * CREDITS_PER_GFLOP)


def ordered(run: Iterable[Earned]) -> list[Earned]:
    """By result. Raises LedgerError for an empty run, a result that is in it twice, or less than
    nothing earned."""
    found = sorted(run, key=lambda earned: earned.result_id)
    if not found:
        raise LedgerError("A run has no results.")
    if any(a.result_id == b.result_id for a, b in pairwise(found)):
        raise LedgerError("A run names a result twice.")
    if any(earned.pairs < 0 or earned.amount < 0 for earned in found):
        raise LedgerError("A result earns less than nothing.")
    return found


def pack(run: Sequence[Earned]) -> bytes:
    """Column by column, ids as differences: mostly the same small numbers, which zlib likes."""
    ids = [earned.result_id for earned in run]
    units = [earned.unit for earned in run]
    numbers = [
        *_differences(ids),
        *_differences(units),
        *(earned.pairs for earned in run),
        *(earned.amount for earned in run),
    ]
    return zlib.compress(struct.pack(f"<{len(numbers)}q", *numbers), _LEVEL)


def unpack(packed: bytes) -> list[Earned]:
    raw = zlib.decompress(packed)
    numbers = struct.unpack(f"<{len(raw) // 8}q", raw)
    count = len(numbers) // _COLUMNS
    ids, units, pairs, amounts = (numbers[n * count : (n + 1) * count] for n in range(_COLUMNS))
    rows = zip(accumulate(ids), accumulate(units), pairs, amounts, strict=True)
    return [
        Earned(result_id=result, unit=unit, pairs=count, amount=amount)
        for result, unit, count, amount in rows
    ]


def _differences(numbers: Sequence[int]) -> list[int]:
    return [numbers[0], *(b - a for a, b in pairwise(numbers))] if numbers else []
