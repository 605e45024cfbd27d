"""`dva shards`, and the options of `dva select` that write shards at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from server.cli.opened import bar, opened
from server.cli.options import FOLDER, data_options
from server.config import Settings, read_settings

if TYPE_CHECKING:
    from server.db import Database

SHARD_PAIRS = 10_000
MAX_PAIRS = 100_000


def shard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--with-scores", is_flag=True, help="Put KEY.dva.json beside each pair, with its score."
    )(command)
    return click.option(
        "--shard-pairs",
        type=click.IntRange(1, MAX_PAIRS),
        default=SHARD_PAIRS,
        show_default=True,
        help="Pairs to a new shard.",
    )(command)


def written_shards(
    store: Database, settings: Settings, folder: Path, out: Path, pairs: int, with_scores: bool
) -> dict[str, int]:
    """With a progress bar; what to print."""
    # Here, because most cuts write none.
    from server.selection.shards import write_shards

    with bar("pairs", unit="pair") as progress:
        done = write_shards(
            store,
            settings,
            folder=folder,
            out=out,
            shard_pairs=pairs,
            with_scores=with_scores,
            progress=progress,
        )
    return {"shards": len(done.shards), "pairs": done.pairs, "withheld": done.withheld}


@click.command(epilog="Example: dva shards best best-shards --data data")
@click.argument("folder", type=FOLDER)
@click.argument("out", type=FOLDER)
@shard_options
@data_options
def shards(
    folder: Path,
    out: Path,
    shard_pairs: int,
    with_scores: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """Write the members of FOLDER, which dva select cut from a pool, as new WebDataset shards into
    OUT. Repeated, it goes on where it was broken off."""
    settings = read_settings(data=data, database=database)
    with opened(settings) as store:
        done = written_shards(store, settings, folder, out, shard_pairs, with_scores)
    click.echo(json.dumps(done, indent=1))
