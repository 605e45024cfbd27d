"""Bytes against score error for ways to store both towers: what the kinds were chosen from.

    python -m export.pareto

Errors are the demo's, on pairs that nothing was calibrated on. The front is drawn by the bytes of a
ViT-B/16 of true size. Prints a Markdown table.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click
import numpy as np
from dva_agent.native.fidelity import Figures, figures
from dva_agent.native.pairs import read_pairs

from export.calibration import (
    FEWEST,
    PAIRS,
    calibration_inputs,
    image_calibration,
    text_calibration,
)
from export.feedback import Feedback
from export.graphs import TOWERS, tower_writer
from export.kinds import FINE, TowerName
from export.loading import load
from export.quantize import Bits
from export.quantized import Quantized, nearest
from export.reference import Inputs, scores
from export.trial import Stored, Trial, folder_bytes, write_tower
from export.weights import Fp16, Fp32, Weights

DEMO_POOL = Path(__file__).resolve().parents[1] / "build" / "demo-pool"
LARGE = "random:ViT-B-16-quickgelu"
MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Way:
    """To store a tower."""

    storage: Literal["fp32", "fp16"] | Bits
    feedback: bool = False
    fine: bool = False
    token_bits: Bits = 8

    def __str__(self) -> str:
        if isinstance(self.storage, str):
            return self.storage
        parts = [f"{self.storage} bits"]
        parts += ["feedback"] * self.feedback + ["some at 8"] * self.fine
        parts += ["tokens at 4"] * (self.token_bits == 4)
        return ", ".join(parts)


EXACT, HALF = Way(storage="fp32"), Way(storage="fp16")
EIGHT, EIGHT_BACK = Way(storage=8), Way(storage=8, feedback=True)
FOUR, FOUR_BACK = Way(storage=4), Way(storage=4, feedback=True)
FINE_FOUR = Way(storage=4, feedback=True, fine=True)
FOUR_TOKENS = replace(FINE_FOUR, token_bits=4)

ROWS: tuple[tuple[Way, Way], ...] = (
    (EXACT, EXACT),
    (HALF, HALF),
    (EIGHT, EIGHT),
    (EIGHT_BACK, EIGHT_BACK),
    (EIGHT, FINE_FOUR),
    (FOUR, EIGHT),
    (FOUR_BACK, EIGHT),
    (FINE_FOUR, EIGHT),
    (FOUR, FOUR),
    (FOUR_BACK, FOUR_BACK),
    (FINE_FOUR, FINE_FOUR),
    (FINE_FOUR, FOUR_TOKENS),
)
"""The image tower's way, and the text tower's."""


Sizes = Mapping[tuple[TowerName, Way], int]
"""Bytes of a tower that is stored in some way."""


@dataclass(frozen=True, kw_only=True)
class Row:
    image: Way
    text: Way
    megabytes: float
    large: float
    """MB of the ViT-B/16."""
    rms: float
    figures: Figures


def weights(name: TowerName, way: Way, feedback: Feedback | None = None) -> Weights:
    """`feedback`: of that tower, needed where the way says so."""
    if way.storage == "fp32":
        return Fp32()
    if way.storage == "fp16":
        return Fp16()
    rounding = nearest if feedback is None or not way.feedback else feedback
    return Quantized(
        bits=way.storage,
        fine=FINE[name] if way.fine else (),
        token_bits=way.token_bits,
        rounding=rounding,
    )


def measure(
    trial: Trial, calibrate: Inputs, sizes: Mapping[tuple[TowerName, Way], int]
) -> list[Row]:
    """`sizes`: bytes of the large model's towers."""
    stored: dict[tuple[TowerName, Way], Stored] = {}
    for name, way in ways():
        with tempfile.TemporaryDirectory(prefix="dva-pareto-") as place:
            exact = trial.write(name, Fp32(), Path(place))
            calibration = image_calibration if name == "image" else text_calibration
            stored[name, way] = trial.store(
                name, weights(name, way, Feedback(calibration(exact, calibrate)))
            )
    found = []
    for image, text in ROWS:
        towers = stored["image", image], stored["text", text]
        got = scores(*(each.embeddings for each in towers))
        found.append(
            Row(
                image=image,
                text=text,
                megabytes=sum(each.bytes for each in towers) / MB,
                large=(sizes["image", image] + sizes["text", text]) / MB,
                rms=float(np.sqrt(np.square(got - trial.true).mean())),
                figures=figures(trial.true, got),
            )
        )
    return found


def ways() -> Iterator[tuple[TowerName, Way]]:
    """Each once."""
    yield from dict.fromkeys(pair for row in ROWS for pair in zip(TOWERS, row, strict=True))


def on_the_front(row: Row, others: Sequence[Row]) -> bool:
    """Whether no other way has fewer bytes and a smaller error, or the same of one."""
    return not any(
        other.large <= row.large
        and other.rms <= row.rms
        and (other.large, other.rms) != (row.large, row.rms)
        for other in others
    )


def large_sizes() -> Sizes:
    """Feedback doesn't change them."""
    loaded = load(LARGE)
    by_themselves: dict[tuple[TowerName, Way], int] = {}
    for name in TOWERS:
        write = tower_writer(loaded, name)
        for way in {replace(way, feedback=False) for tower, way in ways() if tower == name}:
            with tempfile.TemporaryDirectory(prefix="dva-pareto-") as place:
                write_tower(write, name, weights(name, way), Path(place))
                by_themselves[name, way] = folder_bytes(Path(place))
    return {(name, way): by_themselves[name, replace(way, feedback=False)] for name, way in ways()}


def table(found: Sequence[Row]) -> Iterator[str]:
    """Markdown, the largest first."""
    yield (
        "| image tower | text tower | demo MB | B/16 MB | rms | largest | Spearman "
        "| top 15% kept | on the front |"
    )
    yield "|" + " --- |" * 9
    for row in sorted(found, key=lambda each: (-each.large, each.rms)):
        got = row.figures
        yield (
            f"| {row.image} | {row.text} | {row.megabytes:.2f} | {row.large:.1f} | {row.rms:.1e} "
            f"| {got.max_error:.1e} | {got.spearman:.6f} | {100 * got.overlap['15']:.1f}% "
            f"| {'yes' if on_the_front(row, found) else ''} |"
        )


@click.command()
@click.option("--limit", type=click.IntRange(FEWEST), default=1000, show_default=True)
def main(limit: int) -> None:
    """Print the table. Takes minutes."""
    logging.disable(logging.WARNING)  # open_clip's remarks on every network it builds
    sizes = large_sizes()
    loaded = load("demo")
    pool = calibration_inputs(loaded, read_pairs(DEMO_POOL), most=PAIRS + limit)
    calibrate = Inputs(pixels=pool.pixels[:PAIRS], ids=pool.ids[:PAIRS])
    trial = Trial(loaded, Inputs(pixels=pool.pixels[PAIRS:], ids=pool.ids[PAIRS:]))
    found = measure(trial, calibrate, sizes)
    click.echo(f"{len(trial.true):,} pairs, calibrated on {PAIRS} others\n")
    for line in table(found):
        click.echo(line)


if __name__ == "__main__":
    main()
