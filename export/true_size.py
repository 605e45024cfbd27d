"""A known checkpoint at its true size, with random weights: built, run and compared with torch.

    python -m export.true_size ViT-L-14-quickgelu:dfn2b --weights q8 --pairs 8

The architecture, preprocessing and tokenizer are the checkpoint's own; only the numbers are random,
so it proves that the export works at that size, in which time and memory, and nothing of scores.
One checkpoint a process, so that the peak memory is its own.
"""

from __future__ import annotations

import gc
import json
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from export.checkpoints import KNOWN, Checkpoint
from export.creation import build
from export.expected import Towers, expected
from export.golden import golden_pairs
from export.graphs import write_towers
from export.kinds import KINDS
from export.licence import RANDOM_LICENCE
from export.loaded import Loaded, loaded
from export.manifest import parameters
from export.openclip import open_clip
from export.reference import reference_embeddings, reference_inputs, scores
from export.weights import Kind

RANDOM_SEED = 0
KIBIBYTE = 1024 if sys.platform == "linux" else 1
"""ru_maxrss counts KiB on Linux, bytes on macOS."""


def prove(known: Checkpoint, *, kind: Kind, pairs: int) -> dict[str, Any]:
    """Sizes in bytes, times in seconds, largest absolute differences from torch in fp32."""
    network = _random(known)
    count, size = parameters(network), network.preprocessing.size
    inputs = reference_inputs(
        network,
        [each.body for each in golden_pairs()[:pairs]],
        [each.pair.caption for each in golden_pairs()[:pairs]],
    )
    images, texts = reference_embeddings(network, inputs)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        begun = time.monotonic()
        towers = write_towers(network, kind, folder)
        built = time.monotonic()
        del network
        gc.collect()
        found = expected(Towers(folder), inputs)
        ran = time.monotonic()
        files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    return {
        "model": known.name,
        "weights": kind,
        "parameters": count,
        "pixels": size,
        "resize": known.resize,
        "pairs": pairs,
        "files": files,
        "nodes": dict(towers.nodes),
        "graph_seconds": round(built - begun, 1),
        "load_and_run_seconds": round(ran - built, 1),
        "peak_memory_bytes": KIBIBYTE * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "score_difference": float(np.abs(found.scores - scores(images, texts)).max()),
        "embedding_difference": float(
            max(np.abs(found.images - images).max(), np.abs(found.texts - texts).max())
        ),
    }


def _random(known: Checkpoint) -> Loaded:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        model = build(
            lambda: open_clip.create_model(
                known.arch, force_preprocess_cfg={"resize_mode": known.resize}
            ),
            what=known.arch,
        )
    return loaded(
        model,
        text=open_clip.get_model_config(known.arch)["text_cfg"],
        name=known.name,
        source=known.name,
        known=known,
        licence=RANDOM_LICENCE,
        accepted=False,
    )


@click.command()
@click.argument("model", type=click.Choice([known.name for known in KNOWN]))
@click.option("--weights", type=click.Choice(list(KINDS)), default="fp32", show_default=True)
@click.option("--pairs", type=click.IntRange(2, 32), default=8, show_default=True)
def main(model: str, weights: Kind, pairs: int) -> None:
    """Build MODEL at its true size with random weights, and compare it with torch. Prints JSON."""
    logging.disable(logging.WARNING)  # open_clip warns that the weights are random
    known = next(each for each in KNOWN if each.name == model)
    click.echo(json.dumps(prove(known, kind=weights, pairs=pairs), indent=1))


if __name__ == "__main__":
    main()
