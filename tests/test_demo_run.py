"""The demo pool through the whole system: ingest, serve, native agent, grade. Its bars hold for the
committed q8 bundle and for an fp32 export of the same checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.serving import ROOT, dva, serving

DEMO_POOL = ROOT / "build" / "demo-pool"
LEAST_AUC = 0.92
LEAST_PRECISION_AT_10 = 0.92


@pytest.fixture(params=["q8", "fp32"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "q8":
        return ROOT / "static" / "models" / "demo-q8"
    folder = tmp_path / "demo-fp32"
    command = [sys.executable, str(ROOT / "export" / "build_onnx.py"), "--model", "demo"]
    subprocess.run(
        [*command, "--weights", "fp32", "--unmeasured", "--out", str(folder)], check=True
    )
    return folder


@pytest.mark.slow
def test_the_systems_scores_tell_true_captions_from_wrong_ones(
    bundle: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    dva("ingest", "demo", str(DEMO_POOL), "--bundle", str(bundle), "--data", str(data))
    with serving(data) as origin:
        dva("agent", "--server", origin, "--cache", str(tmp_path / "cache"), "--threads", "1")
    command = [str(Path(sys.executable).with_name("dva")), "grade", "demo", "--data", str(data)]
    said = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    grade = json.loads(said.stdout)
    assert grade["auc"] >= LEAST_AUC
    assert grade["precision_at_10"] >= LEAST_PRECISION_AT_10
    assert grade["pairs_scored"] >= 3840
    assert set(grade["auc_by_kind"]) == {
        "shuffled",
        "near_miss",
        "generic",
        "truncated",
        "foreign",
    }
