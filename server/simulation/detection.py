"""What becomes of made-up scores by the policy alone: no database, no arithmetic, audits at once.

A device past its probation makes up a share of its pairs, either a part of every result or whole
results now and then, or calls a part of each broken, until it is caught, or for a while and then
leaves. docs/trust.md shows what
comes out; `python -m server.simulation` makes its tables and its picture.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from server.pools.tolerance import LUCK
from server.trust import judging
from server.trust.policy import (
    AGAIN_PAIRS,
    CONFIRMING_PAIRS,
    PROBATION_AUDITS,
    Draw,
    Standing,
    draw,
    draw_tail,
)

PAIRS = 256
FOREVER = 1_000_000
Manner = Literal["part of each", "whole results", "called broken"]
_SECRET = bytes(32)
_STANDING = Standing(passed=PROBATION_AUDITS, posted=0, failed=0)


@dataclass(frozen=True, kw_only=True)
class Career:
    """Results with made-up scores that a device posted before it was caught or left, those of them
    that were confirmed, and the made-up pairs in these; pairs that it posted at all, and pairs of
    them that a trusted machine recomputed."""

    made_up: int
    confirmed: int
    pairs_confirmed: float
    posted_pairs: int
    recomputed: int
    caught: bool


@dataclass(kw_only=True)
class _Result:
    digest: str
    share: float
    """Of its pairs, made up: not which, for what is looked at is drawn blindly."""
    passed: int = 0
    disputed: bool = False


def career(
    rng: random.Random,
    *,
    share: float,
    manner: Manner,
    honest: int = 0,
    turned: int = FOREVER,
) -> Career:
    """`honest` results, then `turned` more at most; then the device leaves, and a tail is drawn
    over what is unconfirmed. A made-up score passes for a true one with a chance of LUCK."""
    run: deque[_Result] = deque()
    kept: list[_Result] = []
    made_up = recomputed = evidence = 0

    def seen(result: _Result, drawn: Draw | None) -> bool:
        """Whether a made-up score is found."""
        nonlocal recomputed
        count = len(drawn.positions) if drawn else 0
        if manner == "called broken":
            found, disputed, count = _called(rng, result.share, count)
            result.passed = 0 if disputed or result.disputed else result.passed + count
            result.disputed |= disputed
        else:
            found = any(rng.random() < result.share * (1 - LUCK) for _ in range(count))
            result.passed += count
        recomputed += count
        return found

    def ended(results: int, *, caught: bool) -> Career:
        bad = [result for result in kept if result.share]
        return Career(
            made_up=made_up,
            confirmed=len(bad),
            pairs_confirmed=sum(result.share for result in bad) * PAIRS,
            posted_pairs=results * PAIRS,
            recomputed=recomputed,
            caught=caught,
        )

    number = 0
    for number, share_made_up in enumerate(_shares(rng, share, manner, honest, turned), start=1):
        result = _Result(digest=f"{rng.getrandbits(256):064x}", share=share_made_up)
        made_up += result.share > 0
        if seen(result, draw(_SECRET, result.digest, range(PAIRS), _STANDING)):
            return ended(number, caught=True)
        run.append(result)
        evidence += result.passed
        while evidence >= CONFIRMING_PAIRS:
            evidence -= run[0].passed
            kept.append(run.popleft())
    tails = draw_tail(_SECRET, [(each.digest, range(PAIRS)) for each in run])
    # Every one of them is recomputed, whatever the first ones show.
    found = [seen(result, tail) for result, tail in zip(run, tails, strict=True)]
    if any(found):
        return ended(number, caught=True)
    kept.extend(run)
    return ended(number, caught=False)


def _called(rng: random.Random, share: float, count: int) -> tuple[bool, bool, int]:
    """Of a result of whose pairs a share is called broken, `count` of which were drawn: whether
    that is found, whether one was disputed, and how many pairs were looked at for it."""
    looked = disputed = 0
    while count:
        looked += count
        disputed += sum(rng.random() < share for _ in range(count))
        if judging.are_many(disputed, looked):
            return True, True, looked
        again = disputed and looked < judging.DISPUTED_AFTER
        count = min(AGAIN_PAIRS, PAIRS - looked) if again else 0
    return False, disputed > 0, looked


def _shares(
    rng: random.Random, share: float, manner: Manner, honest: int, turned: int
) -> Iterator[float]:
    """Of each result in turn, which share of it is made up."""
    for number in range(honest + turned):
        if number < honest:
            yield 0.0
        elif manner == "whole results":
            yield float(rng.random() < share)
        else:
            yield share
