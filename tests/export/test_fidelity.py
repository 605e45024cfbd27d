"""How far a bundle's scores are from open_clip's, and what is said of it."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from dva_agent.bundle import MANIFEST, Manifest, decode_manifest
from dva_agent.errors import PairsError
from dva_agent.native.fidelity import Bar, decode_fidelity, figures, overlap
from dva_agent.native.pairs import Pair, read_pairs

from export import bundle_writer
from export.card import card
from export.errors import BundleRefused
from export.fidelity import BARS, Proof, Scored, fidelity, prove, score_pairs
from export.loading import load
from export.weights import Kind
from tests.export.conftest import Made
from tests.web_app import ROOT

DEMO_POOL = ROOT / "build" / "demo-pool"
DEMO_BUNDLE = ROOT / "static" / "models" / "demo-q8"
FEW = 260


def some_pairs() -> Iterator[Pair]:
    return islice(read_pairs(DEMO_POOL), FEW)


def test_figures_of_known_errors() -> None:
    true = np.linspace(-0.5, 0.5, 1001)
    found = true + np.where(np.arange(1001) % 2 == 0, 0.003, -0.001)
    found[0] += 0.05
    got = figures(true, found)
    assert got.max_error == pytest.approx(0.053)
    assert got.mean_error == pytest.approx(np.abs(found - true).mean(), rel=1e-3)
    assert got.p99_error == pytest.approx(0.003)
    assert got.bias == pytest.approx((found - true).mean(), rel=1e-3)
    assert 0.999 < got.pearson < 1
    assert 0.999 < got.spearman < 1
    assert got.overlap["15"] > 0.97
    same = figures(true, true)
    assert (same.max_error, same.bias, same.pearson, same.spearman) == (0, 0, 1, 1)
    assert set(same.overlap.values()) == {1.0}


def test_overlap_counts_the_best_and_breaks_ties_by_order() -> None:
    true = np.array([0.9, 0.8, 0.1, 0.0])
    assert overlap(true, -true, 0.5) == 0
    assert overlap(true, np.zeros(4), 0.5) == 1
    assert overlap(true, np.array([0.0, 0.8, 0.9, 0.1]), 0.5) == 0.5
    assert overlap(true, true, 0.01) == 1


def test_a_bar_names_what_falls_short() -> None:
    noise = np.random.default_rng(0)
    true = noise.normal(0, 0.1, 2000)
    worse = figures(true, true + noise.normal(0, 0.02, 2000))
    bar = Bar(max_error=1e-3, spearman=0.9995, overlap_15=0.99)
    assert [clause.split(" ")[0] for clause in bar.missed(worse)] == [
        "largest",
        "Spearman",
        "overlap",
    ]
    assert bar.missed(figures(true, true)) == []
    nothing = msgspec.structs.replace(worse, spearman=float("nan"))
    assert Bar(spearman=0.5).missed(nothing) != []


@pytest.fixture
def copied(make_bundle: Callable[[str, Kind], Made], tmp_path: Path) -> Callable[[Kind], Path]:
    """A demo bundle of a test's own, without a proof."""

    def copy(kind: Kind) -> Path:
        folder = tmp_path / kind
        shutil.copytree(make_bundle("demo", kind).folder, folder)
        return folder

    return copy


def manifest_of(folder: Path) -> Manifest:
    return decode_manifest((folder / MANIFEST).read_bytes())


def test_a_bundle_is_written_with_its_proof(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    command = [sys.executable, "export/build_onnx.py", "--model", "demo", "--out", str(out)]
    done = subprocess.run(
        [*command, "--pairs", str(DEMO_POOL), "--limit", str(FEW)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    manifest = manifest_of(out)
    assert done.stdout.strip() == manifest.bundle
    assert "fidelity on" in done.stderr
    told = decode_fidelity((out / "fidelity.json").read_bytes(), manifest)
    assert told.missed == []
    assert list(told.rungs) == manifest.distinct
    assert set(told.apart) == {"webgpu-f16-fused", "webgpu-f16", "webgpu-f32-fused"}
    assert max(told.apart.values()) <= 1e-3
    assert told.apart["webgpu-f32-fused"] <= 1e-6
    assert told.pairs + told.skipped == FEW
    assert len((out / "fidelity.f64").read_bytes()) == 8 * told.pairs
    shown = (out / "model_card.md").read_text()
    assert manifest.bundle in shown
    assert f"{told.rungs['native'].max_error:.1e}" in shown
    assert "passes its bar" in shown
    listed = {entry.path for entry in manifest.files}
    assert {"fidelity.json", "fidelity.f64", "fidelity.svg", "model_card.md"} <= listed


def test_fp32_is_torchs_own(copied: Callable[[Kind], Path]) -> None:
    folder = copied("fp32")
    proof = Proof(pairs=some_pairs(), source="test")
    found = prove(load("demo"), manifest_of(folder), folder, proof)
    assert 0 < found.rungs["native"].max_error <= 2e-6
    assert found.missed == []


def test_another_network_shows(make_bundle: Callable[[str, Kind], Made]) -> None:
    """The towers were made before the network changed a little."""
    loaded = load("demo")
    projection = loaded.model.get_parameter("text_projection")
    noise = torch.randn(projection.shape, generator=torch.Generator().manual_seed(0))
    projection.data += 0.2 * projection.std() * noise
    made = make_bundle("demo", "q8")
    proof = Proof(pairs=some_pairs(), source="test")
    scored = score_pairs(loaded, made.written.manifest, made.folder, proof)
    assert fidelity(scored, kind="q8", source="test", meaningful=True).missed


def test_without_a_proof_the_card_says_so(make_bundle: Callable[[str, Kind], Made]) -> None:
    folder = make_bundle("demo", "q8").folder
    assert "Nobody has measured" in (folder / "model_card.md").read_text()
    assert not (folder / "fidelity.json").exists()


def test_too_few_pairs_are_refused(copied: Callable[[Kind], Path]) -> None:
    folder = copied("q8")
    proof = Proof(pairs=islice(some_pairs(), 20), source="test")
    with pytest.raises(PairsError, match="too few"):
        prove(load("demo"), manifest_of(folder), folder, proof)
    assert not (folder / "fidelity.json").exists()


def tar_of(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))


def test_pairs_are_those_with_both_parts(tmp_path: Path) -> None:
    tar_of(
        tmp_path / "0.tar",
        {
            "a.jpg": b"A",
            "a.txt": b"one",
            "a.json": b"{}",
            "b.txt": b"no picture",
            "c.png": b"no caption",
            "d.webp": b"D",
            "d.txt": b"\xff\xfe",
            "e.webp": b"E",
            "e.txt": "zwölf".encode(),
        },
    )
    assert [(pair.key, pair.picture, pair.caption) for pair in read_pairs(tmp_path)] == [
        ("a", b"A", "one"),
        ("e", b"E", "zwölf"),
    ]


def test_no_shards_and_no_tar_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match=r"no \.tar"):
        list(read_pairs(tmp_path))
    (tmp_path / "0.tar").write_bytes(b"not a tar" * 200)
    with pytest.raises(PairsError, match="can't be read"):
        list(read_pairs(tmp_path))


def test_a_bundle_past_its_bar_is_refused_and_marked_when_forced(
    copied: Callable[[Kind], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BARS, "fp32", Bar(max_error=1e-9))
    folder = copied("fp32")
    manifest = manifest_of(folder)
    proof = Proof(pairs=list(some_pairs()), source="the demo pool")
    with pytest.raises(BundleRefused, match="misses its bar"):
        prove(load("demo"), manifest, folder, proof)
    assert not (folder / "fidelity.json").exists()
    forced = prove(load("demo"), manifest, folder, replace(proof, force=True))
    assert forced.missed
    assert "does not pass" in card(manifest, forced, None)


@pytest.mark.parametrize(
    "change",
    [
        {"pairs_sha256": "0" * 64},
        {"source": "another pool"},
        {"bar": Bar(max_error=1e-9), "missed": ["largest error 1.00e-03, bar 1e-09"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_measurement_is_not_there_already(change: dict[str, Any]) -> None:
    """Of the same weights: on other pairs, or by force past a bar that it misses now."""
    manifest = manifest_of(DEMO_BUNDLE)
    found = decode_fidelity((DEMO_BUNDLE / "fidelity.json").read_bytes(), manifest)
    # Its last digits follow torch's threads.
    noise = msgspec.structs.replace(found, score_spread=found.score_spread + 1e-6)
    assert bundle_writer._is_there(DEMO_BUNDLE, manifest, noise)
    other = msgspec.structs.replace(found, **change)
    assert not bundle_writer._is_there(DEMO_BUNDLE, manifest, other)


def test_random_weights_have_a_bar_of_arithmetic_only() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (2, 500))
    found = noise[0] + 1e-3 * noise[1]
    scored = Scored(true=noise[0], found={"native": found}, skipped=0, pairs_sha256="0")
    for kind, misses in (("fp32", True), ("q8", False)):
        told = fidelity(scored, kind=kind, source="test", meaningful=False)
        assert bool(told.missed) == misses
