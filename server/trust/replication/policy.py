"""Which results others are to make again, and what follows from how they compare: pure functions.

The rule is BOINC's adaptive replication (github.com/BOINC/boinc, sched/sched_version.cpp): below
10 results in a row that others bore out, every result is made again; from there on with a chance
of one in as many as there are. Beyond BOINC, that chance never falls below LEAST.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

VERSION = "2"
"""Of all that follows, for whoever compares what came of it."""
TRUSTED_FROM = 10
LEAST = 1 / 50
MOST_COPIES = 5
"""Results of one unit, after which none of them counts, if they contradict each other."""
MOST_ROUNDS = 2
"""So often a unit is given out; if it has no majority then, it is left without scores."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Indices of results, in the order in which they came."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """`hopeless`: no further result would be enough."""

    hopeless: bool


def chance_of_copy(agreed: int) -> float:
    """That a second result is wanted, for a device with so many that were borne out in a row."""
    return 1.0 if agreed < TRUSTED_FROM else max(1 / agreed, LEAST)


def wants_copy(secret: bytes, digest: str, agreed: int) -> bool:
    """For a unit's first result. As policy.draw: whoever doesn't know the secret can't tell, and
    the digest is fixed before."""
    seed = hmac.digest(secret, b"copy\0" + digest.encode(), "sha256")
    return int.from_bytes(seed[:6], "big") / 2**48 < chance_of_copy(agreed)


def decide(count: int, agree: Callable[[int, int], bool]) -> Decision | Undecided:
    """`count` results of one unit, 2 or more: right are those of a majority that agree with one of
    them. Agreement needn't be transitive, since it has a tolerance."""
    among = [
        tuple(other for other in range(count) if other == one or agree(one, other))
        for one in range(count)
    ]
    # The first of the largest, so that the order of arrival decides and nothing else.
    right = max(among, key=len)
    if 2 * len(right) > count:
        wrong = tuple(index for index in range(count) if index not in right)
        return Decision(right=right, wrong=wrong)
    return Undecided(hopeless=count >= MOST_COPIES)
