"""Train the demo network: `python -m export.demo.train`.

One CPU thread, seeded; a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from tqdm import tqdm

from export.demo.artwork import TRAINING_VENDORS, load_vendor
from export.demo.artwork_cache import drawings
from export.demo.batches import BatchMaker
from export.demo.concepts import load_concepts
from export.demo.flags import FLAG_VENDORS, load_flags
from export.demo.glossary import load_glossary
from export.demo.licences import licences
from export.demo.model import IMAGE_TOWERS, load_model, new_config
from export.demo.release import release
from export.demo.trainer import Recipe, Trainer

ROOT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m export.demo.train",
        description="Train the demo network on emoji artwork. Stop it when you like: it goes on.",
        epilog=(
            "example: python -m export.demo.train --image-tower resnet --out build/demo-teacher "
            "&& python -m export.demo.train --teacher build/demo-teacher/checkpoint"
        ),
    )
    parser.add_argument("--image-tower", choices=IMAGE_TOWERS, default="vit")
    parser.add_argument("--teacher", type=Path, help="checkpoint folder of a network to learn from")
    parser.add_argument(
        "--start", type=Path, help="checkpoint folder of a network to go on from, as a new run"
    )
    parser.add_argument("--steps", type=int, default=2400, help="optimiser steps (2400)")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="at its peak (0.003)")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build/demo-train", help="state, log and checkpoint"
    )
    parser.add_argument("--node-modules", type=Path, default=ROOT / "node_modules")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    recipe = Recipe(steps=options.steps, seed=options.seed, learning_rate=options.learning_rate)
    config = new_config(options.image_tower)
    concepts = [c for c in load_concepts(options.node_modules) if c.seen]
    cache = options.out.parent / "demo-artwork"
    vendors = [
        *(load_vendor(options.node_modules, name, concepts) for name in TRAINING_VENDORS),
        *(load_flags(options.node_modules, name, concepts) for name in FLAG_VENDORS),
    ]
    maker = BatchMaker(
        concepts=concepts,
        vendors=[drawings(vendor, cache) for vendor in vendors],
        batch_size=recipe.batch_size,
        image_size=config["preprocess_cfg"]["size"],
        seed=recipe.seed,
        glossary=load_glossary(),
    )
    teacher = load_model(options.teacher) if options.teacher else None
    start = load_model(options.start) if options.start else None
    trainer = Trainer(recipe=recipe, maker=maker, config=config, teacher=teacher, start=start)
    options.out.mkdir(parents=True, exist_ok=True)
    state_path = options.out / "state.pt"
    if state_path.exists():
        trainer.restore(torch.load(state_path, weights_only=True))
    bar = tqdm(total=recipe.steps, initial=trainer.step, unit="step", mininterval=5)
    with (options.out / "log.jsonl").open("a") as log:
        while trainer.step < recipe.steps:
            started = time.process_time()
            loss = trainer.train_step()
            log.write(
                json.dumps(
                    {
                        "step": trainer.step,
                        "loss": round(loss, 4),
                        "cpu_s": round(time.process_time() - started, 3),
                    }
                )
                + "\n"
            )
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if trainer.step % recipe.save_every == 0 or trainer.step == recipe.steps:
                log.flush()
                partial = state_path.with_suffix(".partial")
                torch.save(trainer.state(), partial)
                partial.replace(state_path)
    bar.close()
    release(
        model=trainer.model,
        config=config,
        trained=[concept.label for concept in maker.concepts],
        licences=licences(options.node_modules),
        folder=options.out / "checkpoint",
    )


if __name__ == "__main__":
    main()
