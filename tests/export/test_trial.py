"""What the choice of kinds rests on: errors of one tower, of one matrix, and the front."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dva_agent.native.fidelity import figures

from export.loading import load
from export.pareto import EXACT, Row, on_the_front, ways
from export.pareto import weights as weights_in
from export.sensitivity import FORMATS, Altered, symmetric
from export.trial import Trial
from export.weights import Fp32
from tests.export.inputs import random_inputs


@pytest.fixture(scope="module")
def trial(checkpoint: Callable[[str], Path]) -> Trial:
    loaded = load(f"local-dir:{checkpoint('vit')}", accept_licence=True)
    return Trial(
        loaded,
        random_inputs(
            count=20,
            size=loaded.preprocessing.size,
            context_length=loaded.context_length,
            vocab_size=loaded.vocab_size,
            seed=2,
        ),
    )


def test_one_matrix_moves_scores_less_than_all(trial: Trial) -> None:
    assert not trial.errors("text", Fp32()).any()
    one = Altered(symmetric(32), lambda name: name == "block_0.widen")
    every = Altered(symmetric(32), lambda _: True)
    of_one, of_all = (np.square(trial.errors("text", each)).mean() for each in (one, every))
    assert 0 < of_one < of_all
    assert 0 < one.numbers < every.numbers
    assert one.names == every.names


def test_smaller_blocks_and_zero_points_are_nearer() -> None:
    matrix = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
    error = {name: np.square(rounded(matrix) - matrix).mean() for name, rounded in FORMATS.items()}
    assert error["32 symmetric"] < error["64 symmetric"] < error["128 symmetric"]
    assert all(
        error[f"{block} with zero points"] < 1.1 * error[f"{block} symmetric"]
        for block in (32, 64, 128)
    )


def test_every_way_is_of_fewer_bytes_than_exact(trial: Trial) -> None:
    exact = {name: trial.store(name, weights_in(name, EXACT)).bytes for name in ("image", "text")}  # type: ignore[arg-type]
    for name, way in ways():
        if way not in (EXACT,) and not way.feedback:
            assert trial.store(name, weights_in(name, way)).bytes < 0.7 * exact[name]


def test_the_front_has_no_way_that_another_beats() -> None:
    same = figures(np.linspace(0, 1, 50), np.linspace(0, 1, 50))
    rows = [
        Row(image=EXACT, text=EXACT, megabytes=0, large=large, rms=rms, figures=same)
        for large, rms in ((4, 0.1), (3, 0.2), (3, 0.3), (2, 0.25), (1, 0.4))
    ]
    assert [on_the_front(row, rows) for row in rows] == [True, True, False, True, True]
