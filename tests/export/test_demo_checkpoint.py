"""The committed network: its hashes, its bars, its papers."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
import torch

from export.demo.artwork import TRAINING_VENDORS, load_vendor
from export.demo.concepts import load_concepts
from export.demo.evaluate import (
    HASHED,
    POOL_AUC,
    POOL_PRECISION_AT_10,
    TWEMOJI_AUC,
    TWEMOJI_UNSEEN_AUC,
    missed,
    read_report,
)
from export.demo.flags import FLAG_VENDORS
from export.demo.glossary import GLOSSARY_LICENCE
from export.demo.licences import licences
from export.demo.model import CHECKPOINT, MERGES, clip_merges, load_model, new_config
from export.demo.pool import ROOT, PoolSpec, make_pool
from export.demo.pool_score import grade_pool
from export.demo.retrieval import retrieval
from export.demo.scoring import Scorer

NODE_MODULES = ROOT / "node_modules"


def test_the_report_is_of_these_very_files() -> None:
    hashes = {name: hashlib.sha256((CHECKPOINT / name).read_bytes()).hexdigest() for name in HASHED}
    assert read_report(CHECKPOINT).sha256 == hashes


def test_the_report_meets_the_bars() -> None:
    assert missed(read_report(CHECKPOINT)) == []


def test_a_report_below_a_bar_says_which() -> None:
    report = read_report(CHECKPOINT)
    weak = msgspec.structs.replace(report.demo_pool, auc=0.5)
    (sentence,) = missed(msgspec.structs.replace(report, demo_pool=weak))
    assert sentence == f"demo pool AUC is 0.5000, the bar {POOL_AUC}"


def test_the_checkpoint_is_small() -> None:
    assert sum(path.stat().st_size for path in CHECKPOINT.iterdir()) < 12e6


def test_the_configuration_is_the_code_s() -> None:
    assert json.loads((CHECKPOINT / "open_clip_config.json").read_text()) == new_config("vit")
    assert len(load_model(CHECKPOINT).state_dict()) > 100


def test_the_merges_are_clip_s_first() -> None:
    merges = (CHECKPOINT / "merges.txt").read_text(encoding="utf-8").splitlines()
    assert merges == clip_merges()
    assert len(merges) == MERGES


def test_no_held_out_concept_was_trained_on() -> None:
    trained = set(json.loads((CHECKPOINT / "concepts.json").read_text()))
    unseen = {concept.label for concept in load_concepts(NODE_MODULES) if not concept.seen}
    assert not trained & unseen
    assert len(trained) > 1700


def test_every_author_is_named() -> None:
    text = (CHECKPOINT / "LICENSES.md").read_text(encoding="utf-8")
    assert text == licences(NODE_MODULES)
    vendors = (*TRAINING_VENDORS, *FLAG_VENDORS)
    assert all(f"@iconify-json/{vendor}`" in text for vendor in vendors)
    assert GLOSSARY_LICENCE.read_text(encoding="utf-8").strip() in text


def test_the_model_card_quotes_the_report() -> None:
    card = (CHECKPOINT / "MODEL_CARD.md").read_text(encoding="utf-8")
    report = read_report(CHECKPOINT)
    for group in (report.seen, report.unseen):
        for vendor, measured in group.items():
            row = (
                f"{vendor} | {measured.concepts} | {measured.auc_shuffled:.3f} | "
                f"{measured.auc_near_miss:.3f} | {measured.recall_at_1:.3f} | "
                f"{measured.recall_at_5:.3f}"
            )
            assert row in card
    assert f"AUC {report.demo_pool.auc:.3f}" in card
    assert f"precision at 10 % {report.demo_pool.precision_at_10:.3f}" in card


def test_some_of_twemoji_measured_again() -> None:
    torch.set_num_threads(1)
    trained = set(json.loads((CHECKPOINT / "concepts.json").read_text()))
    concepts = [c for c in load_concepts(NODE_MODULES) if c.label in trained][::4]
    vendor = load_vendor(NODE_MODULES, "twemoji", concepts)
    assert retrieval(Scorer(CHECKPOINT), vendor, concepts).auc_shuffled >= TWEMOJI_AUC


def test_held_out_concepts_measured_again() -> None:
    torch.set_num_threads(1)
    unseen = [c for c in load_concepts(NODE_MODULES) if not c.seen]
    vendor = load_vendor(NODE_MODULES, "twemoji", unseen)
    assert retrieval(Scorer(CHECKPOINT), vendor, unseen).auc_shuffled >= TWEMOJI_UNSEEN_AUC


@pytest.mark.slow
def test_the_demo_pool_graded_again() -> None:
    torch.set_num_threads(1)
    pool = ROOT / "build/demo-pool"
    make_pool(out=pool, node_modules=NODE_MODULES, spec=PoolSpec())
    grade = grade_pool(Scorer(CHECKPOINT), pool)
    assert grade.auc >= POOL_AUC
    assert grade.precision_at_10 >= POOL_PRECISION_AT_10
    assert grade.auc == pytest.approx(read_report(CHECKPOINT).demo_pool.auc, abs=2e-3)
