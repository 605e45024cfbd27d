"""What is audited, and what follows from it: pure functions, no database, no clock.

Each figure is derived in docs/trust.md. In short: a few pairs of *every* result are looked at,
rather than many of a few results, for then who fakes whole results now and then is seen as surely
as who fakes a part of each; and a result counts once enough pairs of it and of those after it have
been looked at, so that evidence is measured in pairs, wherever they lie.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

VERSION = "2"
PROBATION_AUDITS = 10
"""Passed audits, each of PROBATION_PAIRS, that end a new device's probation; after each failure
twice as many."""
PROBATION_PAIRS = 48
RATE = 1 / 144
"""Of pairs, after probation."""
FLOOR_RATE = 1 / 256
"""The same once a device has LONG_RECORD passed audits. Never less."""
LONG_RECORD = 1000
CONFIRMING_PAIRS = 80
"""A result is confirmed once so many pairs of it and of its device's later results have been
looked at and found right."""
TAIL_PAIRS = 80
"""Drawn across a run that nobody will bear witness to any more, most of them in its newest results:
as many as a result needs that others follow."""
AGAIN_PAIRS = 64
RECHECKED_RESULTS = 32
"""After a failure, so many of the device's latest confirmed results are looked at again, and as
long as one of those fails, as many before them."""
RECHECK_PAIRS = 32
UNAUDITED_ON_PROBATION = 3
"""Results that a device on probation may have waiting for their audit, with what it holds leases
on: the most that a cheat posts before the first of it is looked at."""
BACKLOG_PAIRS = 200_000
"""Pairs waiting to be looked at, past which the untrusted get no more work."""
_MOST_DOUBLINGS = 6


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A device's record: audits that it `passed` and results that it `posted` since its last
    failure, and how often it `failed` at all."""

    passed: int
    posted: int
    failed: int

    @property
    def is_on_probation(self) -> bool:
        return self.passed < PROBATION_AUDITS << min(self.failed, _MOST_DOUBLINGS)

    @property
    def rate(self) -> float:
        """The share of its pairs that is looked at after probation."""
        return FLOOR_RATE if self.passed >= LONG_RECORD else RATE


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Which pairs of one result are looked at, and what that was drawn from."""

    seed: bytes
    positions: tuple[int, ...]
    """Ascending."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a result that is neither confirmed nor taken out stands. `waiting`: its pairs haven't
    been drawn, or not all of them looked at. `passed`: pairs of it that were looked at and found
    right; 0 where decoders disagree about one. `tail`: a tail that was drawn over it has passed
    whole. `again`: it was sent to audit once more after something of its contributor's had
    failed."""

    waiting: bool
    passed: int
    tail: bool
    again: bool = False


def draw(secret: bytes, digest: str, places: Sequence[int], standing: Standing) -> Draw | None:
    """Which of these pairs of a result are looked at, None for none of them. Who knows the
    secret and the result's digest draws the same at any time; who doesn't can't tell what will be
    drawn, and the digest is fixed before anything is."""
    seed = hmac.digest(secret, b"draw\0" + digest.encode(), "sha256")
    wanted = PROBATION_PAIRS if standing.is_on_probation else len(places) * standing.rate
    # A part of a pair is a whole one as often as it is large.
    count = int(wanted) + (_fraction(seed) < wanted % 1)
    drawn = _positions(seed, places, count)
    return Draw(seed=seed, positions=drawn) if drawn else None


def draw_tail(secret: bytes, run: Sequence[tuple[str, Sequence[int]]]) -> list[Draw | None]:
    """For each result (digest, pairs that may be looked at) of a device's unconfirmed run, oldest
    first, which pairs are looked at so that all of the run can be settled now."""
    digests = "\0".join(digest for digest, _ in run)
    seed = hmac.digest(secret, b"tail\0" + digests.encode(), "sha256")
    counts = _thinning(_fraction(seed), [len(places) for _, places in reversed(run)], TAIL_PAIRS)
    return [
        Draw(
            seed=seed,
            positions=_positions(hmac.digest(seed, digest.encode(), "sha256"), places, count),
        )
        if count
        else None
        for (digest, places), count in zip(run, reversed(counts), strict=True)
    ]


def draw_again(
    secret: bytes, digest: str, places: Sequence[int], taken: Sequence[int]
) -> Draw | None:
    """Further pairs, none of them `taken`; None if there are none left."""
    return _further(secret, f"again {len(taken)}", digest, places, taken, AGAIN_PAIRS)


def draw_recheck(
    secret: bytes,
    digest: str,
    places: Sequence[int],
    taken: Sequence[int],
    count: int = RECHECK_PAIRS,
) -> Draw | None:
    """`count` pairs of a result whose device, or another of its contributor, has failed since."""
    return _further(secret, f"recheck {len(taken)}", digest, places, taken, count)


def settled(run: Sequence[Outcome], *, suspended: bool = False) -> int:
    """How many of the oldest results of an unconfirmed run are confirmed by now: those with
    CONFIRMING_PAIRS on or after them, or under a tail that passed; never one that waits, nor one
    after it. `suspended`: another device of its contributor has failed, so that one also waits
    that wasn't sent to audit once more."""
    free = next(
        (
            index
            for index, outcome in enumerate(run)
            if outcome.waiting or (suspended and not outcome.again)
        ),
        len(run),
    )
    evidence = accumulate(outcome.passed for outcome in reversed(run))
    short = sum(pairs < CONFIRMING_PAIRS for pairs in evidence)
    under_tail = max((index + 1 for index, outcome in enumerate(run) if outcome.tail), default=0)
    return min(free, max(len(run) - short, under_tail))


def _further(
    secret: bytes,
    label: str,
    digest: str,
    places: Sequence[int],
    taken: Sequence[int],
    count: int,
) -> Draw | None:
    seed = hmac.digest(secret, f"{label}\0{digest}".encode(), "sha256")
    seen = frozenset(taken)
    left = [place for place in places if place not in seen]
    return Draw(seed=seed, positions=_positions(seed, left, count)) if left else None


def _thinning(start: float, sizes: Sequence[int], count: int) -> list[int]:
    """`count` pairs, or all, over results of these `sizes`, newest first: over the k-th in
    proportion to 1/k, for k times as many pairs of it and of those after it have been looked at as
    of the first. `start`, in [0, 1): where a part of a pair becomes a whole one. What a result is
    too small for falls to the next ones."""
    whole = sum(1 / place for place in range(1, len(sizes) + 1))
    due, counts = start, []
    for place, size in enumerate(sizes, start=1):
        due += count / place / whole
        counts.append(min(int(due), size))
        due -= counts[-1]
    left = min(count, sum(sizes)) - sum(counts)
    for index, size in enumerate(sizes):
        more = max(min(left, size - counts[index]), 0)
        counts[index] += more
        left -= more
    return counts


def _fraction(seed: bytes) -> float:
    """In [0, 1)."""
    return int.from_bytes(seed[:6], "big") / 2**48


def _positions(seed: bytes, population: Sequence[int], count: int) -> tuple[int, ...]:
    """`count` of them, or all, each as likely as any other: Fisher and Yates' shuffle, as far as
    it is needed."""
    moved: dict[int, int] = {}
    taken = []
    for number in range(min(count, len(population))):
        block = hmac.digest(seed, number.to_bytes(4, "big"), "sha256")
        place = number + int.from_bytes(block[:8], "big") % (len(population) - number)
        taken.append(population[moved.get(place, place)])
        moved[place] = moved.get(number, number)
    return tuple(sorted(taken))
