"""What each kind of weights costs and loses, measured side by side: `dva bench model`.

    python -m export.bench --json

`demo` has learnt something, so it tells how faithful a kind is; `b32` and `b16` are of the DFNs'
true sizes with random weights, and tell bytes, speed and whether a score depends on its batch.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
from dva_agent.errors import DvaError
from dva_agent.native.fidelity import FEWEST
from tqdm import tqdm

try:
    import torch

    from export.bench_learned import APART, MB, Learned
    from export.expected import Towers
    from export.fidelity import BARS
    from export.golden import golden_pairs
    from export.graphs import WrittenTowers, write_towers
    from export.kinds import KINDS
    from export.loaded import Loaded
    from export.loading import load
    from export.measure import batch_variance, largest_error, measure_speed, true_scores
    from export.progress import Progress
    from export.reference import Inputs, reference_inputs
    from export.variants import PLAIN
    from export.weights import Kind
except ModuleNotFoundError as error:
    raise SystemExit(f"Error: {error.name} isn't installed. Run: make setup-dev") from error

MODELS = {
    "demo": "demo",
    "b32": "random:ViT-B-32-quickgelu",
    "b16": "random:ViT-B-16-quickgelu",
}
DEMO_POOL = Path(__file__).resolve().parents[1] / "build" / "demo-pool"
PAIRS = 8
"""Golden pairs that speed is measured on."""
VARIANCE = 1e-6
"""Of a score, whatever shares its batch."""
DISTANCE = 1e-3
"""A rung's score from that of native fp32 arithmetic on the same weights."""
Q8_MB = 158.0
SMALLEST_MB = 97.0

Figures = dict[str, float]
"""Such as b16_q8_mb -> its value: MODEL_WEIGHTS_FIGURE."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """`least`: whether `found` has to be at least the limit, rather than at most."""

    name: str
    found: float
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """False for NaN."""
        return self.found >= self.limit if self.least else self.found <= self.limit


def bars(figures: Figures) -> list[Bar]:
    """What has to hold of the figures that were measured. Pure."""
    found = []
    for name, value in figures.items():
        model, kind, figure = name.split("_", 2)
        bar = BARS[kind]
        limits = {
            "max_error": bar.max_error,
            "batch_variance": VARIANCE,
            "rungs_apart": DISTANCE,
        }
        if (model, kind, figure) == ("b16", "q8", "mb"):
            limits["mb"] = Q8_MB
        if limit := limits.get(figure):
            found.append(Bar(name=name, found=value, limit=limit))
        least = {"spearman": bar.spearman, "overlap15": bar.overlap_15}.get(figure)
        if least is not None:
            found.append(Bar(name=name, found=value, limit=least, least=True))
    sizes = [value for name, value in figures.items() if name[:4] == "b16_" and name[-3:] == "_mb"]
    if len(sizes) == len(KINDS):
        found.append(Bar(name="b16_smallest_mb", found=min(sizes), limit=SMALLEST_MB))
    return found


def measure(model: str, kinds: Sequence[Kind], pairs: int, progress: Progress) -> Iterator[Figures]:
    """The figures of one model, kind by kind. Raises DvaError."""
    loaded = load(MODELS[model])
    golden = golden_pairs()[:PAIRS]
    inputs = reference_inputs(
        loaded, [each.body for each in golden], [each.pair.caption for each in golden]
    )
    subject: Learned | Untrained = (
        Learned(loaded, DEMO_POOL, most=pairs, progress=progress)
        if loaded.meaningful
        else Untrained(loaded, inputs)
    )
    for number, kind in enumerate(kinds):
        with tempfile.TemporaryDirectory(prefix="dva-bench-") as place:
            folder = Path(place) / kind
            progress(f"graphs of {kind}", number, len(kinds))
            found = subject.measure(kind, folder)
            towers = Towers(folder, optimised=True)
            progress(f"speed of {kind}", number, len(kinds))
            speed = measure_speed(towers, inputs)
            found["pairs_per_s"] = speed.pairs_per_s
            found["cpu_ms_per_pair"] = speed.cpu_ms_per_pair
            found["batch_variance"] = batch_variance(towers, inputs)
        yield {f"{model}_{kind}_{name}": value for name, value in found.items()}


class Untrained:
    """A network of true size with random weights."""

    def __init__(self, loaded: Loaded, inputs: Inputs) -> None:
        self._loaded = loaded
        self._inputs = inputs
        self._true = true_scores(loaded, inputs)

    def measure(self, kind: Kind, folder: Path) -> Figures:
        """Of both towers' graphs, without the rest of a bundle."""
        folder.mkdir()
        begun = time.monotonic()
        written = write_towers(self._loaded, kind, folder)
        seconds = time.monotonic() - begun
        return {
            "mb": _plain_bytes(written, folder) / MB,
            "graph_s": seconds,
            "max_error": largest_error(self._true, Towers(folder), self._inputs),
        }


def _plain_bytes(written: WrittenTowers, folder: Path) -> int:
    """Of what one rung downloads."""
    [plain] = [each for each in written.graphs if each.variant == PLAIN]
    paths = {path for each in (plain.image, plain.text) for path in (each.path, *each.data_paths)}
    return sum((folder / path).stat().st_size for path in paths)


def _show(bar: tqdm[NoReturn], model: str, what: str, done: int, total: int) -> None:
    bar.set_description(f"{model}: {what} {done}/{total}")


@click.command()
@click.option("--models", "models", multiple=True, type=click.Choice(list(MODELS)))
@click.option("--weights", "kinds", multiple=True, type=click.Choice(list(KINDS)))
@click.option("--pairs", type=click.IntRange(FEWEST), default=1000)
@click.option("--json", "as_json", is_flag=True)
def main(models: tuple[str, ...], kinds: tuple[Kind, ...], pairs: int, as_json: bool) -> None:
    """See `dva bench model --help`."""
    # Its threads wait for each other by spinning: beside other work two are slower than one.
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # open_clip's remarks on every network it builds
    figures: Figures = {}
    begun, load_before = time.monotonic(), os.getloadavg()[0]
    wanted = kinds or tuple(KINDS)
    out = sys.stderr if as_json else sys.stdout
    steps = len(models or MODELS) * len(wanted)
    try:
        with tqdm(total=steps, unit="bundle", desc="bench", disable=None) as progress:
            for model in models or MODELS:
                for found in measure(model, wanted, pairs, partial(_show, progress, model)):
                    figures |= found
                    for name, value in found.items():
                        tqdm.write(f"{name:32} {value:12.6g}", file=out)
                    progress.update()
    except DvaError as error:
        raise click.ClickException(f"{error} {error.next_step}") from error
    held = bars(figures)
    for bar in held:
        said = "holds" if bar.holds else "MISSED"
        sign = ">=" if bar.least else "<="
        click.echo(f"{said:7} {bar.name} {bar.found:.6g} {sign} {bar.limit:g}", file=out)
    if as_json:
        machine = {
            "cores": os.cpu_count(),
            "load": load_before,
            "pairs": pairs,
            "pairs_apart": min(APART, pairs),
        }
        told = {name: float(f"{value:.6g}") for name, value in figures.items()}
        seconds = round(time.monotonic() - begun, 1)
        judged = {bar.name: bar.holds for bar in held}
        click.echo(json.dumps({**told, **machine, "seconds": seconds, "bars": judged}, indent=1))
    if not all(bar.holds for bar in held):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
