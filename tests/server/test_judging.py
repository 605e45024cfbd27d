"""Posted beside recomputed: what arithmetic explains, and what it doesn't."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from dva_agent.bundle import MANIFEST, GoldenSet, Manifest, decode_manifest
from dva_agent.protocol import PairStatus
from hypothesis import given
from hypothesis import strategies as st

from server.pools.tolerance import LUCK, BundleUnauditable, Tolerance, luck_of_a_guess, tolerance_of
from server.trust.judging import (
    BIAS_PAIRS,
    DISPUTED_AFTER,
    DISPUTED_PAIRS,
    DOUBTFUL_PAIRS,
    judge,
)

DEMO = Path(__file__).parents[2] / "static" / "models" / "demo-q8"
ROOM = Tolerance(accept=0.002, reject=0.008, bias=0.001)
SCORED, BROKEN = int(PairStatus.SCORED), int(PairStatus.IMAGE_BROKEN)


def verdict(
    differences: list[float],
    posted: list[int] | None = None,
    recomputed: list[int] | None = None,
) -> tuple[str, str]:
    truth = np.linspace(-0.2, 0.4, len(differences))[:, None]
    plain = [SCORED] * len(differences)
    found = judge(
        truth + np.array(differences)[:, None], posted or plain, truth, recomputed or plain, ROOM
    )
    return found.kind, found.reason


@given(st.lists(st.floats(-0.0019, 0.0019), min_size=1, max_size=BIAS_PAIRS - 1))
def test_arithmetic_passes(differences: list[float]) -> None:
    assert verdict(differences) == ("passed", "")


def test_one_score_that_no_arithmetic_gives_is_enough() -> None:
    assert verdict([0.0] * 47 + [0.0081]) == ("failed", "score_differs")
    assert verdict([float("nan")]) == ("failed", "score_differs")


def test_a_score_in_between_is_looked_at_again_and_many_of_them_fail() -> None:
    assert verdict([0.0, 0.0, -0.003]) == ("again", "score_borderline")
    alternating = [0.003, -0.003] * (DOUBTFUL_PAIRS // 2)
    assert verdict(alternating) == ("failed", "score_doubtful")
    assert verdict([*alternating[:8], *([0.0] * 24)]) == ("again", "score_borderline")


def test_many_differences_to_one_side_are_no_noise() -> None:
    assert verdict([0.0015] * (BIAS_PAIRS - 1)) == ("passed", "")
    assert verdict([0.0015] * BIAS_PAIRS) == ("failed", "score_biased")
    assert verdict([0.0015, -0.0015] * BIAS_PAIRS) == ("passed", "")


def test_decoders_may_disagree_now_and_then_and_about_nothing_else() -> None:
    assert verdict([0.0] * 3, [SCORED, SCORED, BROKEN]) == ("again", "status_disputed")
    assert verdict([0.0] * 3, None, [BROKEN, SCORED, SCORED]) == ("again", "status_disputed")
    other = int(PairStatus.CAPTION_EMPTY)
    assert verdict([0.0] * 3, [SCORED, other, SCORED]) == ("failed", "status_differs")


@pytest.mark.parametrize("mine", [True, False])
def test_whoever_calls_many_pictures_broken_is_no_decoder(mine: bool) -> None:
    def called(broken: int, pairs: int) -> tuple[str, str]:
        statuses = [BROKEN] * broken + [SCORED] * (pairs - broken)
        return verdict([0.0] * pairs, *((statuses, None) if mine else (None, statuses)))

    # A few are looked into, and no longer than it takes to tell them from many.
    assert called(DISPUTED_PAIRS, 48) == ("again", "status_disputed")
    assert called(DISPUTED_PAIRS, DISPUTED_AFTER) == ("passed", "")
    assert called(DISPUTED_PAIRS + 1, 48) == ("failed", "status_disputed")
    assert called(5, 256) == ("passed", "")
    assert called(6, 256) == ("failed", "status_disputed")
    assert called(256, 256) == ("failed", "status_disputed")


def test_what_was_withheld_is_not_compared() -> None:
    withheld = int(PairStatus.WITHHELD)
    assert verdict([0.0, 0.5], [SCORED, withheld]) == ("passed", "")


def test_the_demo_can_be_audited_and_guesses_are_rarely_lucky() -> None:
    manifest, golden = _demo()
    room = tolerance_of(manifest, golden)
    assert room.accept == max(spec.tolerance.score for spec in manifest.rungs.values())
    scores = [pair.expected["f32"].score for pair in golden.pairs]
    assert luck_of_a_guess(scores, room.reject) < LUCK


def test_scores_too_close_to_each_other_are_refused() -> None:
    manifest, golden = _demo()
    near = [
        msgspec.structs.replace(
            pair,
            expected={
                name: msgspec.structs.replace(value, score=0.2 + (value.score - 0.2) / 20)
                for name, value in pair.expected.items()
            },
        )
        for pair in golden.pairs
    ]
    with pytest.raises(BundleUnauditable, match="a guess would be within"):
        tolerance_of(manifest, GoldenSet(pairs=near))
    assert luck_of_a_guess([0.3] * 40, 0.001) == 1.0


def _demo() -> tuple[Manifest, GoldenSet]:
    manifest = decode_manifest((DEMO / MANIFEST).read_bytes())
    golden = (DEMO / manifest.golden_path).read_bytes()
    return manifest, msgspec.json.decode(golden, type=GoldenSet)
