"""`dva simulate`."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click
import msgspec

from server.cli.opened import bar
from server.cli.serving import DEMO_BUNDLE
from server.simulation.kept import Job, keep, load
from server.simulation.people import KINDS
from server.simulation.play import Tally, play
from server.simulation.report import MIXED, added, figures, mixed_shares, rows, table

WORLDS = (*KINDS, MIXED)


@click.command(
    epilog="""Examples:

    \b
    dva simulate --json --out worlds            # seed 0: some twenty minutes of two cores
    dva simulate --seeds 0-9 --json --out worlds   # the published figures; goes on from there
    dva simulate --only honest --only lazy_10 --units 2000
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
    "--only",
    multiple=True,
    type=click.Choice(WORLDS),
    help="These worlds alone: one kind of people each, or mixed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep each finished world here, and don't play those again that are here already.",
)
@click.option(
    "--processes", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="one a core"
)
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def simulate(
    units: int,
    seeds: str,
    only: tuple[str, ...],
    out: Path | None,
    processes: int,
    as_json: bool,
) -> None:
    """Set populations of honest people and cheats on the real server code, and count what gets
    through: on a clock of its own, without a network, with recorded noise."""
    names = only or WORLDS
    jobs = [Job(name=name, seed=seed, units=units) for seed in _range(seeds) for name in names]
    found = _play(jobs, out, processes)
    worlds = {
        name: {
            kind: added(found[job][kind] for job in jobs if job.name == name)
            for kind in _kinds(name)
        }
        for name in names
    }
    if as_json:
        click.echo(json.dumps({**figures(worlds), "populations": rows(worlds)}, indent=1))
        return
    click.echo("\n".join(table(worlds)))


def _play(jobs: list[Job], out: Path | None, processes: int) -> dict[Job, Mapping[str, Tally]]:
    """All of them, in the order in which they end."""
    found: dict[Job, Mapping[str, Tally]] = {}
    for job in jobs:
        before = _load(out, job)
        if before is not None:
            found[job] = before
    left = [job for job in jobs if job not in found]
    with (
        bar("worlds", unit="world") as progress,
        ProcessPoolExecutor(processes, initializer=_collect_seldom) as pool,
    ):
        progress(len(found), len(jobs))
        started = {pool.submit(_world, job, DEMO_BUNDLE): job for job in left}
        for done in as_completed(started):
            job = started[done]
            found[job] = done.result()
            if out is not None:
                keep(out, job, found[job])
            progress(len(found), len(jobs))
    return found


def _load(out: Path | None, job: Job) -> Mapping[str, Tally] | None:
    try:
        return None if out is None else load(out, job)
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{out}/{job.file} isn't a finished world: {error}") from error


def _collect_seldom() -> None:
    """A world makes millions of small objects, hardly any of them in circles."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _kinds(name: str) -> dict[str, float]:
    return mixed_shares() if name == MIXED else {name: 1.0}


def _world(job: Job, bundle: Path) -> dict[str, Tally]:
    return play(_kinds(job.name), units=job.units, seed=job.seed, bundle=bundle)


def _range(seeds: str) -> range:
    first, _, last = seeds.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found:
        raise click.BadParameter(f"{seeds} is neither a number nor a range such as 0-9.")
    return found
