"""`dva select` and `dva verify-selection`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click
import msgspec

from server.cli.opened import bar, opened
from server.cli.options import FOLDER, data_options
from server.config import read_settings
from server.results.services import Standing
from server.selection.cut import Cut, Rule
from server.selection.cutting import select_pool, select_tables
from server.selection.verify import verify


@click.command(
    epilog="Examples: dva select demo --top 0.15 --out best --data data;"
    " dva select --scores metadata --column clip_l14_similarity_score --top 0.3 --out best"
)
@click.argument("pool", required=False)
@click.option("--top", type=float, metavar="SHARE", help="The best share, such as 0.15.")
@click.option("--threshold", type=float, metavar="SCORE", help="All at or above this score.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="The best N.")
@click.option("--out", required=True, type=FOLDER, help="A new folder for what is selected.")
@click.option("--scores", type=FOLDER, help="A folder of score tables, instead of a pool.")
@click.option("--column", help="The column of --scores to cut by. [default: score]")
@click.option(
    "--state",
    type=click.Choice(get_args(Standing)),
    help="Which scores. [default: confirmed of a pool, all of --scores]",
)
@data_options
def select(
    pool: str | None,
    top: float | None,
    threshold: float | None,
    count: int | None,
    out: Path,
    scores: Path | None,
    column: str | None,
    state: Standing | None,
    data: Path | None,
    database: str | None,
) -> None:
    """Cut the best of POOL by DataComp's rule: members.npy, members.parquet, certificate.json.

    Prints JSON; publish the digest, and anybody can check the certificate by it."""
    cut = _cut(top=top, threshold=threshold, count=count)
    if (pool is None) == (scores is None) or (column and scores is None):
        raise click.UsageError("Name a POOL, or --scores with its --column.")
    if scores is not None:
        done = select_tables(
            scores, cut=cut, out=out, state=state or "all", column=column or "score"
        )
    else:
        assert pool is not None, "checked above"
        settings = read_settings(data=data, database=database)
        with opened(settings) as store, bar("shards", unit="shard") as progress:
            done = select_pool(
                store,
                settings,
                pool=pool,
                cut=cut,
                out=out,
                state=state or "confirmed",
                progress=progress,
            )
    click.echo(json.dumps(asdict(done), indent=1))


@click.command("verify-selection", epilog="Example: dva verify-selection best")
@click.argument("folder", type=FOLDER)
@click.argument("digest", required=False)
@click.option("--scores", type=FOLDER, help="The tables it was cut from. [default: FOLDER/scores]")
def verify_selection(folder: Path, digest: str | None, scores: Path | None) -> None:
    """Check every claim of a selection's certificate, offline; with the DIGEST that was published,
    that it is that certificate. Prints it, or ends with status 1 at the first difference."""
    found = verify(folder, scores=scores, digest=digest.strip().lower() if digest else None)
    claim = found.certificate
    click.echo(json.dumps(msgspec.to_builtins(claim), indent=1))
    again = "cut again from its score tables" if found.cut_again else "its score tables not at hand"
    click.echo(f"{claim.counts.members:,} members hold, {again}", err=True)


def _cut(**rules: float | None) -> Cut:
    given: dict[Rule, float] = {
        rule: value for rule in get_args(Rule) if (value := rules[rule]) is not None
    }
    if len(given) != 1:
        raise click.UsageError("Say one of --top, --threshold and --count.")
    ((rule, value),) = given.items()
    return Cut(rule=rule, value=float(value))
