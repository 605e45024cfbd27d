"""Kinds of weights: each has a bar and says what it is for."""

from __future__ import annotations

from typing import get_args

from export.fidelity import BARS
from export.kinds import DEFAULT, KINDS
from export.weights import Kind


def test_every_kind_is_told_and_held_to_a_bar() -> None:
    assert list(KINDS) == list(BARS) == list(get_args(Kind))
    assert all(each.about for each in KINDS.values())


def test_what_needs_calibration_is_no_default() -> None:
    assert not KINDS[DEFAULT].calibrated
    assert [kind for kind, each in KINDS.items() if each.calibrated] == ["q4text8", "q4"]
