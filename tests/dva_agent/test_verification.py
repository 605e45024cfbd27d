"""A bundle checked again: whole, changed in every way, and measured again on its own pairs."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest
from dva_agent.bundle import MANIFEST, Manifest
from dva_agent.errors import BundleError, PairsError, SelfTestFailed
from dva_agent.native import verification
from dva_agent.native.fidelity import (
    FIDELITY,
    PICTURE,
    REFERENCE,
    Bar,
    Fidelity,
    decode_fidelity,
    figures,
)
from dva_agent.native.pair_scorer import Digest, PairScorer
from dva_agent.native.pairs import read_pairs

from tests.web_app import ROOT

DEMO = ROOT / "static" / "models" / "demo-q8"
DEMO_POOL = ROOT / "build" / "demo-pool"
FEW = 64
FAITHFUL = Bar(spearman=0.9995)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo bundle, a copy to damage."""
    place = tmp_path / "bundle"
    shutil.copytree(DEMO, place)
    return place


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    return verification.open_bundle(folder)


def told_of(manifest: Manifest, folder: Path, *, bar: Bar, shift: float) -> Fidelity:
    """A fidelity of the demo pool's first pairs, were open_clip's scores the bundle's own but for
    noise of that size; its scores are written into the bundle."""
    scorer = PairScorer(manifest=manifest, folder=folder)
    pairs = list(islice(filter(scorer.takes, read_pairs(DEMO_POOL)), FEW))
    digest = Digest()
    for pair in pairs:
        digest.add(pair)
    found = scorer.scores(pairs)
    true = found + np.random.default_rng(0).normal(0, shift, FEW)
    (folder / REFERENCE).write_bytes(true.astype("<f8").tobytes())
    native = figures(true, found)
    return Fidelity(
        pairs=FEW,
        skipped=0,
        source="the demo pool",
        pairs_sha256=digest.hexdigest(),
        reference="test",
        runtime="test",
        score_spread=0.1,
        rungs={"native": native},
        apart={},
        bar=bar,
        missed=bar.missed(native),
    )


def test_the_demo_bundle_is_whole(folder: Path, manifest: Manifest) -> None:
    pieces: list[int] = []
    verification.check_files(folder, manifest, progress=pieces.append)
    assert sum(pieces) == sum(entry.bytes for entry in manifest.files)
    golden = asyncio.run(verification.check_golden(folder, manifest, "native"))
    assert golden.pairs >= 32
    assert golden.score_difference <= manifest.rung("native").tolerance.score


def test_a_byte_that_differs(folder: Path, manifest: Manifest) -> None:
    tower = folder / manifest.rung("native").text.path
    body = bytearray(tower.read_bytes())
    body[len(body) // 2] ^= 1
    tower.write_bytes(body)
    with pytest.raises(BundleError, match=r"text\.onnx"):
        verification.check_files(folder, manifest)


def test_what_is_missing_or_too_much(folder: Path) -> None:
    (folder / "more.txt").write_text("more")
    with pytest.raises(BundleError, match=r"more\.txt"):
        verification.open_bundle(folder)
    (folder / "more.txt").unlink()
    licence = folder / "LICENSE.txt"
    body = licence.read_bytes()
    licence.write_bytes(body + b"!")
    with pytest.raises(BundleError, match="bytes long"):
        verification.open_bundle(folder)
    licence.unlink()
    with pytest.raises(BundleError, match="missing"):
        verification.open_bundle(folder)
    elsewhere = folder.parent / "elsewhere"
    elsewhere.write_bytes(body)
    licence.symlink_to(elsewhere)
    with pytest.raises(BundleError, match="missing"):
        verification.open_bundle(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(BundleError, match="no manifest"):
        verification.open_bundle(folder)


def test_golden_values_of_another_model(folder: Path, manifest: Manifest) -> None:
    golden = folder / manifest.golden_path
    told = msgspec.json.decode(golden.read_bytes())
    told["pairs"][0]["expected"]["f32"]["score"] += 0.01
    golden.write_bytes(msgspec.json.encode(told))
    changed = [
        msgspec.structs.replace(
            entry,
            bytes=golden.stat().st_size,
            sha256=hashlib.sha256(golden.read_bytes()).hexdigest(),
        )
        if entry.path == manifest.golden_path
        else entry
        for entry in manifest.files
    ]
    changed_manifest = msgspec.structs.replace(manifest, files=changed)
    with pytest.raises(SelfTestFailed, match="score"):
        asyncio.run(verification.check_golden(folder, changed_manifest, "native"))


def test_measured_again(folder: Path, manifest: Manifest) -> None:
    told = told_of(manifest, folder, bar=FAITHFUL, shift=1e-4)
    again = verification.check_fidelity(folder, manifest, told, DEMO_POOL)
    assert again == told.rungs


def test_a_bar_that_is_missed_when_measured_again(folder: Path, manifest: Manifest) -> None:
    told = told_of(manifest, folder, bar=Bar(), shift=0.1)
    boast = msgspec.structs.replace(told, bar=FAITHFUL, missed=[])
    with pytest.raises(BundleError, match="misses its bar"):
        verification.check_fidelity(folder, manifest, boast, DEMO_POOL)
    owned = msgspec.structs.replace(told, bar=FAITHFUL, missed=["Spearman"])
    assert (
        verification.check_fidelity(folder, manifest, owned, DEMO_POOL)["native"].spearman < 0.9995
    )


def test_other_pairs_than_it_was_measured_on(folder: Path, manifest: Manifest) -> None:
    told = told_of(manifest, folder, bar=FAITHFUL, shift=1e-4)
    other = msgspec.structs.replace(told, pairs_sha256="0" * 64)
    with pytest.raises(PairsError, match="not those"):
        verification.check_fidelity(folder, manifest, other, DEMO_POOL)
    (folder / REFERENCE).write_bytes(b"\0" * 8)
    with pytest.raises(BundleError, match="64 scores"):
        verification.check_fidelity(folder, manifest, told, DEMO_POOL)


def test_a_fidelity_that_contradicts_itself(folder: Path, manifest: Manifest) -> None:
    told = told_of(manifest, folder, bar=FAITHFUL, shift=0.1)
    entry = manifest.files[0]
    names = (FIDELITY, REFERENCE, PICTURE)
    listing = msgspec.structs.replace(
        manifest, files=[msgspec.structs.replace(entry, path=name) for name in names]
    )
    assert decode_fidelity(msgspec.json.encode(told), listing) == told
    boast = msgspec.structs.replace(told, missed=[])
    for body in (msgspec.json.encode(boast), b"{}", b"\xff", b"[" * 100_000):
        with pytest.raises(BundleError):
            decode_fidelity(body, listing)
    without = msgspec.structs.replace(manifest, files=[entry])
    with pytest.raises(BundleError, match="lists no file"):
        decode_fidelity(msgspec.json.encode(told), without)
