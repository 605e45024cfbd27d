"""`dva bench model`: what it measures, and what it holds the figures to."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.bench import Bar, bars
from export.kinds import KINDS
from export.measure import batch_variance, measure_speed
from export.reference import Embeddings, Ids, Inputs, Pixels

DVA = Path(sys.executable).with_name("dva")


def test_bars_hold_up_to_their_limit() -> None:
    assert Bar(name="x", found=2.0, limit=2.0).holds
    assert not Bar(name="x", found=2.1, limit=2.0).holds
    assert Bar(name="x", found=2.1, limit=2.0, least=True).holds
    assert not Bar(name="x", found=1.9, limit=2.0, least=True).holds
    assert not Bar(name="x", found=math.nan, limit=2.0).holds
    assert not Bar(name="x", found=math.nan, limit=2.0, least=True).holds


def test_what_is_held_to_a_bar() -> None:
    measured = {
        "demo_fp32_max_error": 3e-6,
        "demo_q8_max_error": 3e-3,
        "demo_q8_spearman": 0.9996,
        "demo_q8_overlap15": 0.98,
        "demo_q8_rungs_apart": 9e-4,
        "b16_q8_mb": 157.0,
        "b16_q8_pairs_per_s": 9.0,
        "b32_q8_batch_variance": 2e-6,
    }
    assert {bar.name: bar.holds for bar in bars(measured)} == {
        "demo_fp32_max_error": False,
        "demo_q8_spearman": True,
        "demo_q8_overlap15": False,
        "demo_q8_rungs_apart": True,
        "b16_q8_mb": True,
        "b32_q8_batch_variance": False,
    }


def test_the_smallest_counts_once_all_kinds_are_there() -> None:
    sizes = {f"b16_{kind}_mb": 100.0 + place for place, kind in enumerate(KINDS)}
    [smallest] = [bar for bar in bars(sizes) if bar.name == "b16_smallest_mb"]
    assert (smallest.found, smallest.holds) == (100.0, False)
    del sizes["b16_q8_mb"]
    assert not any(bar.name == "b16_smallest_mb" for bar in bars(sizes))


class Leaky:
    """Towers whose embeddings depend on what shares their batch."""

    def images(self, pixels: Pixels) -> Embeddings:
        return np.ones((len(pixels), 2), np.float32)

    def texts(self, ids: Ids) -> Embeddings:
        return np.full((len(ids), 2), 1 + 1e-3 * len(ids), np.float32)


def test_a_score_that_depends_on_its_batch_is_told() -> None:
    inputs = Inputs(
        pixels=np.zeros((10, 3, 2, 2), np.uint8),
        ids=np.tile(np.arange(9, dtype=np.int32), (10, 1)),
    )
    assert batch_variance(Leaky(), inputs) == pytest.approx(2 * 7e-3, rel=1e-3)
    assert measure_speed(Leaky(), inputs).pairs_per_s > 0


@pytest.mark.slow
def test_the_command() -> None:
    done = subprocess.run(
        [DVA, "bench", "model", "--models", "demo", "--weights", "q8", "--pairs", "200", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["demo_q8_spearman"] >= 0.9995
    assert told["demo_q8_overlap15"] >= 0.99
    assert told["demo_q8_batch_variance"] <= 1e-6
    assert 2 < told["demo_q8_mb"] < 3
    assert all(told["bars"].values())
    assert "holds" in done.stderr


def test_a_name_that_is_none() -> None:
    done = subprocess.run(
        [DVA, "bench", "model", "--models", "b64"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "b64" in done.stderr
