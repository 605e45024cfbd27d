"""Engines that fail, and which rung is taken then: whole runs against the real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dva_agent.errors import DeviceLost, RungUnavailable
from dva_agent.events import (
    RungTried,
    SelfTested,
    UnitDropped,
)

from tests.dva_agent.runs import is_complete, run
from tests.dva_agent.world import UNITS, World


def lose_device(after: int) -> Callable[[Any], Any]:
    calls = 0

    def mood(rows: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise DeviceLost("gone")
        return rows

    return mood


def not_a_number(*which: int) -> Callable[[Any], Any]:
    calls = 0

    def mood(rows: Any) -> Any:
        nonlocal calls
        calls += 1
        return np.full_like(rows, np.nan) if calls in which else rows

    return mood


def test_a_lost_device_is_replaced_and_its_units_are_done_again(here: World) -> None:
    here.moods.append(lose_device(5))
    assert run(here).units == UNITS
    assert is_complete(here)
    assert len(here.engines) == 2
    assert here.engines[0].closed
    assert not here.of(UnitDropped)


def test_a_device_that_keeps_going_away_is_left_for_the_next_rung(here: World) -> None:
    here.moods.extend([lose_device(3)] * 3)
    assert run(here, rungs=("webgpu-f32", "wasm")).units == UNITS
    assert is_complete(here)
    assert [engine.rung for engine in here.engines] == ["webgpu-f32"] * 3 + ["wasm"]


def test_one_wrong_number_costs_a_unit_and_a_new_self_test(here: World) -> None:
    # The golden pairs take three batches of 16.
    here.moods.append(not_a_number(5))
    assert run(here).units == UNITS
    assert is_complete(here)
    assert len(here.engines) == 1
    assert len(here.of(SelfTested)) == 2
    assert [(event.code, event.abandoned) for event in here.of(UnitDropped)] == [
        ("numeric_fault", True)
    ]


def test_a_rung_that_computes_wrongly_later_on_is_left(here: World) -> None:
    here.moods.append(not_a_number(*range(5, 100)))
    assert run(here, rungs=("webgpu-f32", "wasm")).units == UNITS
    assert is_complete(here)
    assert [engine.rung for engine in here.engines] == ["webgpu-f32", "wasm"]
    tried = [(event.rung, event.chosen) for event in here.of(RungTried)]
    assert tried == [("webgpu-f32", True), ("webgpu-f32", False), ("wasm", True)]


def test_rungs_that_fail_are_skipped_and_reported(here: World) -> None:
    here.opening.append(RungUnavailable("no such adapter"))
    here.moods.append(lambda rows: np.roll(rows, 1, axis=0))
    assert run(here, rungs=("webgpu-f16", "webgpu-f32", "wasm")).units == UNITS
    tried = [(event.rung, event.chosen, event.code) for event in here.of(RungTried)]
    assert tried == [
        ("webgpu-f16", False, "rung_unavailable"),
        ("webgpu-f32", False, "self_test_failed"),
        ("wasm", True, ""),
    ]
    assert here.engines[0].closed


def test_no_rung_left_ends_the_run_before_anything_is_leased(here: World) -> None:
    here.opening.extend([RungUnavailable("no")] * 2)
    with pytest.raises(RungUnavailable) as caught:
        run(here, rungs=("webgpu-f32", "wasm"))
    assert caught.value.code == "no_rung_left"
    assert not any(url.endswith("/leases") for _, url in here.wire.requests)


def test_the_self_test_comes_back_now_and_then(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dva_agent.ladder.PAIRS_BETWEEN_TESTS", 10)
    assert run(here).units == UNITS
    assert len(here.of(SelfTested)) >= 3
