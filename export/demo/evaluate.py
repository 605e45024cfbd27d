"""Report on a checkpoint: `python -m export.demo.evaluate`. Exits with 1 if it misses a bar."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import msgspec
import torch

from export.demo.artwork import HELD_OUT_VENDORS, TRAINING_VENDORS, load_vendor
from export.demo.concepts import load_concepts
from export.demo.model import CHECKPOINT, load_model
from export.demo.pool import ROOT, PoolSpec, make_pool
from export.demo.pool_score import PoolGrade, grade_pool
from export.demo.retrieval import Retrieval, retrieval
from export.demo.scoring import Scorer

TWEMOJI_AUC = 0.97
TWEMOJI_UNSEEN_AUC = 0.78
POOL_AUC = 0.92
POOL_PRECISION_AT_10 = 0.92
"""The bars: the least that will do."""

HASHED = ("open_clip_config.json", "open_clip_model.safetensors", "merges.txt", "concepts.json")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """report.json."""

    sha256: dict[str, str]
    """Of the checkpoint's files."""
    parameters: int
    seen: dict[str, Retrieval]
    """Vendor held out of training -> concepts that training vendors' drawings taught."""
    unseen: dict[str, Retrieval]
    """The same vendors, concepts never trained on."""
    trained_vendor: Retrieval
    """A vendor it was trained on, to tell what is left to learn."""
    demo_pool: PoolGrade


def evaluate(checkpoint: Path, node_modules: Path, pool: Path) -> Report:
    scorer = Scorer(checkpoint)
    concepts = load_concepts(node_modules)
    trained = set(msgspec.json.decode((checkpoint / "concepts.json").read_bytes(), type=list[str]))
    seen = [concept for concept in concepts if concept.label in trained]
    unseen = [concept for concept in concepts if not concept.seen]
    vendors = {name: load_vendor(node_modules, name, concepts) for name in HELD_OUT_VENDORS}
    familiar = load_vendor(node_modules, TRAINING_VENDORS[0], concepts)
    make_pool(out=pool, node_modules=node_modules, spec=PoolSpec())
    return Report(
        sha256={
            name: hashlib.sha256((checkpoint / name).read_bytes()).hexdigest() for name in HASHED
        },
        parameters=sum(weight.numel() for weight in load_model(checkpoint).parameters()),
        seen={name: retrieval(scorer, vendor, seen) for name, vendor in vendors.items()},
        unseen={name: retrieval(scorer, vendor, unseen) for name, vendor in vendors.items()},
        trained_vendor=retrieval(scorer, familiar, seen),
        demo_pool=grade_pool(scorer, pool),
    )


def missed(report: Report) -> list[str]:
    """Each bar that the report falls short of, as a sentence."""
    measured = {
        "twemoji AUC true/shuffled, seen concepts": (
            report.seen["twemoji"].auc_shuffled,
            TWEMOJI_AUC,
        ),
        "twemoji AUC true/shuffled, concepts held out": (
            report.unseen["twemoji"].auc_shuffled,
            TWEMOJI_UNSEEN_AUC,
        ),
        "demo pool AUC": (report.demo_pool.auc, POOL_AUC),
        "demo pool precision at 10 %": (report.demo_pool.precision_at_10, POOL_PRECISION_AT_10),
    }
    return [
        f"{what} is {value:.4f}, the bar {bar}"
        for what, (value, bar) in measured.items()
        if value < bar
    ]


def read_report(checkpoint: Path) -> Report:
    return msgspec.json.decode((checkpoint / "report.json").read_bytes(), type=Report)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.demo.evaluate",
        description="Measure a checkpoint on held-out artwork and on the demo pool.",
        epilog="example: python -m export.demo.evaluate --checkpoint build/demo-train/checkpoint",
    )
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--pool", type=Path, default=ROOT / "build/demo-pool")
    parser.add_argument("--node-modules", type=Path, default=ROOT / "node_modules")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    report = evaluate(options.checkpoint, options.node_modules, options.pool)
    body = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
    (options.checkpoint / "report.json").write_bytes(body)
    print(body.decode())
    if short := missed(report):
        sys.exit("; ".join(short))


if __name__ == "__main__":
    main()
