"""`dva simulate`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from server.cli.opened import bar
from server.cli.serving import DEMO_BUNDLE
from server.pools.services import AUDIT, REPLICATION
from server.simulation.kept import Job
from server.simulation.replicated import REPLICATED
from server.simulation.report import bars, figures, replicated_figures, rows, table
from server.simulation.running import WORLDS, run, together


@click.command(
    epilog="""Example: dva simulate --only honest --only lazy_10 --units 2000

    \b
    dva simulate --json --out worlds            # seed 0: some twenty minutes of two cores
    dva simulate --seeds 0-9 --json --out worlds   # the published figures; goes on from there
    dva simulate --policy replication --units 2000
    """
)
@click.option(
    "--units",
    type=click.IntRange(20),
    default=10_000,
    show_default=True,
    help="Posted in each world.",
)
@click.option("--seeds", default="0", show_default=True, metavar="N|N-M", help="A world for each.")
@click.option(
    "--policy",
    type=click.Choice([AUDIT, REPLICATION]),
    default=AUDIT,
    show_default=True,
    help="Worlds whose results are audited, or in which contributors check each other.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice((*WORLDS, *REPLICATED)),
    help="These worlds alone: one kind of people each, or mixed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep each finished world here, and don't play those again that are here already; all must"
    " have been played by the same rules.",
)
@click.option(
    "--processes", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="one a core"
)
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def simulate(
    units: int,
    seeds: str,
    policy: str,
    only: tuple[str, ...],
    out: Path | None,
    processes: int,
    as_json: bool,
) -> None:
    """Set populations of honest people and cheats on the real server code, and count what gets
    through: on a clock of its own, without a network, with recorded noise."""
    names = only or (tuple(REPLICATED) if policy == REPLICATION else WORLDS)
    jobs = [Job(name=name, seed=seed, units=units) for seed in _range(seeds) for name in names]
    with bar("results", unit="result") as progress:
        found = run(jobs, bundle=DEMO_BUNDLE, out=out, processes=processes, progress=progress)
    worlds = together(names, found)
    if as_json:
        found_keys = replicated_figures(worlds)
        if any(name in WORLDS for name in names):
            found_keys = {**figures(worlds), **found_keys}
        click.echo(json.dumps({**found_keys, "populations": rows(worlds)}, indent=1))
        return
    click.echo("\n".join(table(worlds)))
    if any(name in WORLDS for name in names):
        click.echo("\n".join(["", *bars(worlds)]))


def _range(seeds: str) -> range:
    first, _, last = seeds.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found:
        raise click.BadParameter(f"{seeds} is neither a number nor a range such as 0-9.")
    return found
