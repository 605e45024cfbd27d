"""python -m server.simulation: the tables and the picture of docs/trust.md."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from server.simulation.detection import Career, Manner, career
from server.simulation.figure import draw_detection

SHARES = (0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
MADE_UP: tuple[Manner, ...] = ("part of each", "whole results")
HONEST = 300
"""Results of a visit before the turn, for those who leave soon after it."""
LEAVERS = (1, 2, 5, 10, 20)
LEAVER_SHARES = (0.1, 0.2, 0.5, 1.0)


@click.command(epilog="Example: python -m server.simulation --careers 2000 --plot detection.svg")
@click.option("--careers", default=2000, show_default=True, help="Of each kind.")
@click.option("--seed", default=0, show_default=True)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it, as SVG.")
def main(careers: int, seed: int, plot: Path | None) -> None:
    """What becomes of made-up scores by the policy alone, as Markdown."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    stay = [(manner, share) for manner in MADE_UP for share in SHARES]
    call: list[tuple[Manner, float]] = [("called broken", share) for share in SHARES]
    leave = [(turned, share) for turned in LEAVERS for share in LEAVER_SHARES]
    with click.progressbar(
        length=len(stay) + len(leave) + len(call), label="careers", file=sys.stderr
    ) as bar:

        def live(kinds: Sequence[tuple[Manner, float]]) -> None:
            for manner, share in kinds:
                stayed[manner, share] = [
                    career(rng, share=share, manner=manner) for _ in range(careers)
                ]
                bar.update(1)

        stayed: dict[tuple[Manner, float], list[Career]] = {}
        live(stay)
        left = {}
        for turned, share in leave:
            left[turned, share] = [
                career(rng, share=share, manner="part of each", honest=HONEST, turned=turned)
                for _ in range(careers)
            ]
            bar.update(1)
        live(call)
    click.echo("| made up | how | results until caught | of them confirmed |")
    click.echo("| --- | --- | --- | --- |")
    for (manner, share), lived in stayed.items():
        until = sum(each.made_up for each in lived) / careers
        click.echo(f"| {share:.0%} | {manner} | {until:.1f} | {confirmed(lived):.2%} |")
    click.echo("\n| results made up | share | of them confirmed | false pairs | recomputed |")
    click.echo("| --- | --- | --- | --- | --- |")
    for (turned, share), lived in left.items():
        false = sum(each.pairs_confirmed for each in lived) / careers
        recomputed = sum(e.recomputed for e in lived) / sum(e.posted_pairs for e in lived)
        click.echo(
            f"| {turned} | {share:.0%} | {confirmed(lived):.1%} | {false:.1f} | {recomputed:.2%} |"
        )
    if plot:
        draw_detection({kind: confirmed(lived) for kind, lived in stayed.items()}, plot)


def confirmed(lived: Sequence[Career]) -> float:
    """Of the results with made-up scores, the share that was confirmed."""
    return sum(each.confirmed for each in lived) / sum(each.made_up for each in lived)


if __name__ == "__main__":
    main()
