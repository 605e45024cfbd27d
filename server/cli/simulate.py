"""`dva simulate`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from server.cli.opened import bar
from server.cli.serving import DEMO_BUNDLE
from server.simulation.people import KINDS
from server.simulation.play import Tally, play
from server.simulation.report import MIXED, added, figures, mixed_shares, rows

WORLDS = (*KINDS, MIXED)


@click.command(epilog="Example: dva simulate --only honest --only lazy_10 --units 2000 --json")
@click.option(
    "--units",
    type=click.IntRange(20),
    default=10_000,
    show_default=True,
    help="Posted in each world.",
)
@click.option("--seeds", default="0", show_default=True, metavar="N|N-M", help="A world for each.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(WORLDS),
    help="These worlds alone: one kind of people each, or mixed.",
)
@click.option(
    "--processes", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="one a core"
)
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def simulate(units: int, seeds: str, only: tuple[str, ...], processes: int, as_json: bool) -> None:
    """Set populations of honest people and cheats on the real server code, and count what gets
    through: on a clock of its own, without a network, with recorded noise."""
    names = only or WORLDS
    jobs = [(name, seed) for seed in _range(seeds) for name in names]
    found: dict[str, list[Mapping[str, Tally]]] = {name: [] for name in names}
    with (
        bar("worlds", unit="world") as progress,
        ProcessPoolExecutor(max_workers=min(processes, len(jobs))) as pool,
    ):
        started = [
            (name, pool.submit(_world, name, seed, units, DEMO_BUNDLE)) for name, seed in jobs
        ]
        for number, (name, job) in enumerate(started):
            progress(number, len(jobs))
            found[name].append(job.result())
        progress(len(jobs), len(jobs))
    worlds = {
        name: {kind: added(each[kind] for each in tallies) for kind in tallies[0]}
        for name, tallies in found.items()
    }
    if as_json:
        click.echo(json.dumps({**figures(worlds), "populations": rows(worlds)}, indent=1))
        return
    click.echo(
        f"{'world':14}{'kind':16}{'people':>8}{'posted':>8}{'made up':>9}{'confirmed':>11}"
        f"{'of made up':>12}{'caught':>8}{'after':>7}"
    )
    for row in rows(worlds):
        after = row["posted_when_caught"] / row["caught"] if row["caught"] else 0.0
        click.echo(
            f"{row['world']:14}{row['kind']:16}{row['people']:>8}{row['posted']:>8}"
            f"{row['made_up']:>9}{row['confirmed']:>11}{row['made_up_confirmed']:>12}"
            f"{row['caught']:>8}{after:>7.1f}"
        )


def _world(name: str, seed: int, units: int, bundle: Path) -> dict[str, Tally]:
    shares = mixed_shares() if name == MIXED else {name: 1.0}
    return play(shares, units=units, seed=seed, bundle=bundle)


def _range(seeds: str) -> range:
    first, _, last = seeds.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found:
        raise click.BadParameter(f"{seeds} is neither a number nor a range such as 0-9.")
    return found
