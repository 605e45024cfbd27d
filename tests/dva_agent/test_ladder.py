"""Engines that fail, and which rung is taken then: whole runs against the real server."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from dva_agent.bundle import MANIFEST, FileEntry, Manifest, bundle_id
from dva_agent.errors import DeviceLost, RungUnavailable, Unreachable
from dva_agent.events import (
    Problem,
    RungTried,
    SelfTested,
    UnitDropped,
)
from dva_agent.protocol import Rung

from tests.dva_agent.runs import is_complete, run
from tests.dva_agent.world import UNITS, World, world


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


def unreachable_once() -> Callable[[Any], Any]:
    calls = 0

    def mood(rows: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unreachable("part of the engine did not load")
        return rows

    return mood


def tried(here: World) -> list[tuple[Rung, bool, str]]:
    return [(event.rung, event.chosen, event.code) for event in here.of(RungTried)]


def test_a_lost_device_is_replaced_and_its_units_are_done_again(here: World) -> None:
    here.moods.append(lose_device(5))
    assert run(here).units == UNITS
    assert is_complete(here)
    assert len(here.engines) == 2
    assert here.engines[0].closed
    assert not here.of(UnitDropped)


def test_a_connection_that_fails_during_the_self_test_costs_no_rung(here: World) -> None:
    here.moods.append(unreachable_once())
    assert run(here).units == UNITS
    assert tried(here) == [("native", True, "")]
    assert [event.code for event in here.of(Problem)] == ["unreachable"]


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
    assert [(rung, chosen) for rung, chosen, _ in tried(here)] == [
        ("webgpu-f32", True),
        ("webgpu-f32", False),
        ("wasm", True),
    ]


def test_rungs_that_fail_are_skipped_and_reported(here: World) -> None:
    here.opening.append(RungUnavailable("no such adapter"))
    here.moods.append(lambda rows: np.roll(rows, 1, axis=0))
    assert run(here, rungs=("webgpu-f32", "wasm", "native")).units == UNITS
    assert tried(here) == [
        ("webgpu-f32", False, "rung_unavailable"),
        ("wasm", False, "self_test_failed"),
        ("native", True, ""),
    ]
    assert here.engines[0].closed


@pytest.fixture
def silently_wrong(demo_bundle: Path, manifest: Manifest, tmp_path: Path) -> tuple[Path, Manifest]:
    """The demo's bundle with two rungs: one whose graph is well formed and gives unit vectors, of
    attention taken along the wrong axis, and the plain one."""
    folder = tmp_path / "bundle"
    shutil.copytree(demo_bundle, folder)
    plain = manifest.rungs["webgpu-f32"]
    graph = onnx.load_model(folder / plain.image.path, load_external_data=False)
    softmax = next(node for node in graph.graph.node if node.op_type == "Softmax")
    softmax.attribute[0].i = -2
    onnx.save_model(graph, folder / "wrong.onnx")
    body = (folder / "wrong.onnx").read_bytes()
    entry = FileEntry(path="wrong.onnx", bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
    wrong = msgspec.structs.replace(
        plain, image=msgspec.structs.replace(plain.image, path=entry.path)
    )
    changed = msgspec.structs.replace(
        manifest,
        rungs={"webgpu-f32-fused": wrong, "webgpu-f32": plain, "native": plain},
        files=[*manifest.files, entry],
    )
    changed = msgspec.structs.replace(changed, bundle=bundle_id(changed))
    (folder / MANIFEST).write_bytes(msgspec.json.encode(changed))
    return folder, changed


def test_a_graph_that_is_wrong_in_silence_costs_a_step_down(
    silently_wrong: tuple[Path, Manifest], small_pool: Path, tmp_path: Path
) -> None:
    folder, manifest = silently_wrong
    ladder: tuple[Rung, ...] = (
        "webgpu-f16-fused",  # the bundle lacks these two, so nothing is said of them
        "webgpu-f16",
        "webgpu-f32-fused",
        "webgpu-f32",
    )
    with world(tmp_path / "data", small_pool, folder, manifest) as here:
        assert run(here, rungs=ladder).units == UNITS
        assert is_complete(here)
        assert tried(here) == [
            ("webgpu-f32-fused", False, "self_test_failed"),
            ("webgpu-f32", True, ""),
        ]


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
