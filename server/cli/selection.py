"""`dva scores`, `dva signatures` and `dva grade`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from server.cli.opened import bar, opened
from server.cli.options import FILE, FOLDER, data_options
from server.config import read_settings
from server.results.standing import Standing
from server.selection.grade import graded, report
from server.selection.scores import write_scores
from server.selection.signatures import write_signatures


def state_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--state",
        type=click.Choice(get_args(Standing)),
        default="all",
        show_default=True,
        help="Only scores that audits have confirmed, or only those that wait for it.",
    )(command)


@click.command(epilog="Example: dva scores demo --data data --out scores")
@click.argument("pool")
@click.option("--out", required=True, type=FOLDER, help="Where the Parquet files go.")
@state_option
@data_options
def scores(pool: str, out: Path, state: Standing, data: Path | None, database: str | None) -> None:
    """Write POOL's scores as Parquet, one file a shard."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, bar("shards", unit="shard") as progress:
        done = write_scores(store, settings, pool=pool, out=out, state=state, progress=progress)
    click.echo(
        f"{done.pairs} of {done.pairs_total} pairs ({done.scored} with a score) "
        f"in {done.files} files in {out}"
    )
    if done.withheld:
        click.echo(f"{done.withheld} pairs are left out: see dva reports list", err=True)


@click.command(epilog="Example: dva signatures demo --data data --out signatures.parquet")
@click.argument("pool")
@click.option("--out", required=True, type=FILE, help="The Parquet file.")
@data_options
def signatures(pool: str, out: Path, data: Path | None, database: str | None) -> None:
    """Write POOL's results with the signatures and keys that prove whose they are."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, bar("shards", unit="shard") as progress:
        done = write_signatures(store, settings, pool=pool, out=out, progress=progress)
    click.echo(f"{done.verified} of {done.results} results in {out} are proven by their signatures")


@click.command(epilog="Example: dva grade demo --data data --plot grade.svg")
@click.argument("pool")
@click.option("--plot", type=FILE, help="Draw it too, into a .svg, .png or .pdf.")
@state_option
@data_options
def grade(
    pool: str, plot: Path | None, state: Standing, data: Path | None, database: str | None
) -> None:
    """Compare POOL's scores with its truth; prints JSON."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store:
        pairs = graded(store, settings, pool=pool, state=state)
    if plot:
        # Here, because matplotlib takes its time to load.
        from server.selection.figure import draw

        draw(pairs, plot)
    click.echo(json.dumps(report(pairs), indent=2))
