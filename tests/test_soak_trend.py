"""When the soak says that memory grows."""

from __future__ import annotations

import math
import random

import pytest

from tests.soak.report import LIMITS_AN_HOUR
from tests.soak.trend import trend

SECONDS = [30.0 * number for number in range(240)]


def series(an_hour: float, noise: float) -> list[float]:
    chance = random.Random(5)
    return [100 + an_hour * at / 3600 + chance.gauss(0, noise) for at in SECONDS]


def test_a_leak_is_told_from_noise() -> None:
    assert trend(SECONDS, series(30, noise=3)).verdict(5) == "grows"
    assert trend(SECONDS, series(0, noise=3)).verdict(5) == "flat"
    assert trend(SECONDS, series(5, noise=30)).verdict(5) == "undecided"


def test_the_interval_is_around_the_slope() -> None:
    found = trend(SECONDS, series(10, noise=2))
    assert found.low < 10 < found.high
    assert found.low < found.slope < found.high


def test_what_fills_at_the_start_is_no_leak() -> None:
    values = [100 + min(at, 1200) / 10 for at in SECONDS]
    assert trend(SECONDS, values).verdict(1) == "flat"


def test_a_small_leak_in_two_hours_of_a_tab() -> None:
    """10 MB an hour, beside what a tab's memory does anyway: fill at the start, and come and go."""
    fills = [40 * (1 - math.exp(-at / 300)) for at in SECONDS]
    for leak, verdict in ((10, "grows"), (0, "flat")):
        values = [fill + value for fill, value in zip(fills, series(leak, noise=4), strict=True)]
        for part in ("renderer_mb", "server_mb"):
            assert trend(SECONDS, values).verdict(LIMITS_AN_HOUR[part]) == verdict


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="too few"):
        trend(SECONDS[:20], [1.0] * 20)
