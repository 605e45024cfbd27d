"""What each matrix costs in score error if it alone is stored in 4 bits, and what other ways to cut
4-bit blocks would cost.

    python -m export.sensitivity --model demo --json

Nothing is calibrated here and nothing else is rounded, so that the numbers are the matrix's own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from dva_agent.errors import DvaError
from dva_agent.native.fidelity import Scores
from dva_agent.native.pairs import read_pairs

from export.calibration import FEWEST, calibration_inputs
from export.graph import Graph
from export.graphs import TOWERS
from export.kinds import TowerName
from export.loading import load
from export.quantize import cut, dequantize, quantize_rows
from export.trial import Trial
from export.weights import Float32, Fp32

DEMO_POOL = Path(__file__).resolve().parents[1] / "build" / "demo-pool"
SHRINKS = np.arange(0.7, 1.01, 0.05)
"""Of a block's range, from which the best is taken where blocks have a zero point."""
Rounded = Callable[[Float32], Float32]


@dataclass(frozen=True, kw_only=True)
class Cost:
    tower: TowerName
    what: str
    """A linear's name, or the format of all of them."""
    numbers: int
    rms: float
    """Of a score's error."""
    largest: float


class Altered(Fp32):
    """Linears whose name `chosen` accepts hold rounded numbers; `numbers` counts those."""

    def __init__(self, rounded: Rounded, chosen: Callable[[str], bool]) -> None:
        self._rounded = rounded
        self._chosen = chosen
        self.names: list[str] = []
        self.numbers = 0

    def linear(self, graph: Graph, x: str, weight: Float32, bias: Float32 | None, name: str) -> str:
        self.names.append(name)
        if self._chosen(name):
            weight = np.ascontiguousarray(self._rounded(np.ascontiguousarray(weight.T)).T)
            self.numbers += weight.size
        return super().linear(graph, x, weight, bias, name)


def symmetric(block: int) -> Rounded:
    """4 bits around zero, as they are stored."""
    return lambda matrix: dequantize(quantize_rows(matrix, bits=4, largest_block=block))


def with_zero_points(block: int) -> Rounded:
    """4 bits between a block's smallest and largest number: half a byte more for a block."""

    def rounded(matrix: Float32) -> Float32:
        blocks = cut(matrix, block)
        low, high = (np.minimum(blocks.min(2), 0), np.maximum(blocks.max(2), 0))
        best = np.zeros_like(blocks)
        least = np.full(low.shape, np.inf, np.float32)
        for shrink in SHRINKS:
            step = np.maximum((high - low) * np.float32(shrink) / 15, np.float32(2.0**-14))
            zero = np.clip(np.rint(-low * np.float32(shrink) / step), 0, 15)[:, :, None]
            codes = np.clip(np.rint(blocks / step[:, :, None]) + zero, 0, 15)
            tried = (codes - zero) * step[:, :, None]
            cost = np.square(tried - blocks).sum(axis=2)
            better = cost < least
            least[better], best[better] = cost[better], tried[better]
        return best.reshape(matrix.shape)

    return rounded


FORMATS = {
    f"{block} {label}": make(block)
    for label, make in (("symmetric", symmetric), ("with zero points", with_zero_points))
    for block in (32, 64, 128)
}


def matrices(trial: Trial) -> Iterator[Cost]:
    """Each linear of both towers by itself."""
    for tower in TOWERS:
        all_of_them = Altered(symmetric(32), lambda _: False)
        trial.store(tower, all_of_them)
        for name in all_of_them.names:
            altered = Altered(symmetric(32), name.__eq__)
            yield _cost(tower, name, trial.errors(tower, altered), altered.numbers)


def formats(trial: Trial) -> Iterator[Cost]:
    """All linears of a tower in one format."""
    for tower in TOWERS:
        for name, rounded in FORMATS.items():
            altered = Altered(rounded, lambda _: True)
            yield _cost(tower, name, trial.errors(tower, altered), altered.numbers)


def _cost(tower: TowerName, what: str, errors: Scores, numbers: int) -> Cost:
    return Cost(
        tower=tower,
        what=what,
        numbers=numbers,
        rms=_short(np.sqrt(np.square(errors).mean())),
        largest=_short(np.abs(errors).max()),
    )


def _short(number: float) -> float:
    """Three digits."""
    return float(f"{number:.3g}")


@click.command()
@click.option("--model", default="demo", show_default=True)
@click.option("--accept-license", is_flag=True)
@click.option("--pairs", type=click.Path(path_type=Path, exists=True), default=DEMO_POOL)
@click.option("--limit", type=click.IntRange(FEWEST), default=512, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(model: str, accept_license: bool, pairs: Path, limit: int, as_json: bool) -> None:
    """Store each matrix of MODEL in 4 bits, one after the other, and tell how far scores move."""
    logging.disable(logging.WARNING)  # open_clip's remarks on every network it builds
    try:
        loaded = load(model, accept_licence=accept_license)
        trial = Trial(loaded, calibration_inputs(loaded, read_pairs(pairs), most=limit))
    except DvaError as error:
        raise click.ClickException(f"{error} {error.next_step}") from error
    found = {"matrices": list(matrices(trial)), "formats": list(formats(trial))}
    if as_json:
        rows = {part: [asdict(cost) for cost in costs] for part, costs in found.items()}
        click.echo(json.dumps({"model": model, "pairs": len(trial.true), **rows}, indent=1))
        return
    for part, costs in found.items():
        click.echo(f"{part}, over {len(trial.true):,} pairs")
        for cost in sorted(costs, key=lambda each: -each.rms):
            told = f"rms {cost.rms:.1e}, largest {cost.largest:.1e}"
            click.echo(f"  {cost.tower:5} {cost.what:24} {cost.numbers:>11,} numbers  {told}")


if __name__ == "__main__":
    main()
