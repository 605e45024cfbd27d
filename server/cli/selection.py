"""`dva scores` and `dva grade`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from server.cli.opened import bar, opened
from server.cli.options import FOLDER, data_options
from server.config import read_settings
from server.selection.grade import grade as grade_pool
from server.selection.scores import write_scores


@click.command(epilog="Example: dva scores demo --data data --out scores")
@click.argument("pool")
@click.option("--out", required=True, type=FOLDER, help="Where the Parquet files go.")
@data_options
def scores(pool: str, out: Path, data: Path | None, database: str | None) -> None:
    """Write POOL's scores as Parquet, one file a shard."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store, bar("shards", unit="shard") as progress:
        done = write_scores(store, settings, pool=pool, out=out, progress=progress)
    click.echo(
        f"{done.pairs} of {done.pairs_total} pairs ({done.scored} with a score) "
        f"in {done.files} files in {out}"
    )


@click.command(epilog="Example: dva grade demo --data data")
@click.argument("pool")
@data_options
def grade(pool: str, data: Path | None, database: str | None) -> None:
    """Compare POOL's scores with its truth; prints JSON."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store:
        click.echo(json.dumps(grade_pool(store, settings, pool=pool), indent=2))
