"""`dva select`, `dva verify-selection` and `dva compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from server.cli.filters import filter_options, filters_of
from server.cli.opened import bar, opened
from server.cli.options import FOLDER, data_options
from server.cli.shards import shard_options, written_shards
from server.config import read_settings
from server.results.standing import Standing
from server.selection import compare as comparing
from server.selection.cut import Cut, Rule
from server.selection.cutting import Per, Terms, select_pool, select_tables
from server.selection.verify import verify

PLACE = click.Path(exists=True, path_type=Path)


@click.command(
    epilog="Example: dva select demo --top 0.15 --out best --data data;"
    " dva select --scores metadata --column clip_l14_similarity_score --top 0.3 --out best"
)
@click.argument("pool", required=False)
@click.option("--top", type=float, metavar="SHARE", help="The best share, such as 0.15.")
@click.option("--threshold", type=float, metavar="SCORE", help="All at or above this score.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="The best N.")
@click.option("--out", required=True, type=FOLDER, help="A new folder for what is selected.")
@click.option("--scores", type=FOLDER, help="A folder of score tables, instead of a pool.")
@click.option("--column", help="The column of --scores to cut by. [default: score]")
@click.option("--per", type=click.Choice(get_args(Per)), help="Cut within each of these.")
@filter_options
@click.option("--shards", type=FOLDER, help="Then write new WebDataset shards into this folder.")
@shard_options
@click.option(
    "--state",
    type=click.Choice(get_args(Standing)),
    help="Which scores. [default: confirmed of a pool, all of --scores]",
)
@click.option("--ray", metavar="ADDRESS", help="Read the tables on this Ray cluster, or local.")
@data_options
def select(
    pool: str | None,
    top: float | None,
    threshold: float | None,
    count: int | None,
    out: Path,
    scores: Path | None,
    column: str | None,
    per: Per | None,
    metadata: Path | None,
    shards: Path | None,
    shard_pairs: int,
    with_scores: bool,
    state: Standing | None,
    ray: str | None,
    data: Path | None,
    database: str | None,
    **filters: Any,
) -> None:
    """Cut the best of POOL by DataComp's rule: members.npy, members.parquet, certificate.json.

    Filters come before the cut, so a share is of what they leave; what isn't known of a pair
    doesn't pass.

    Prints JSON; publish the digest, and anybody can check the certificate by it."""
    cut = _cut(top=top, threshold=threshold, count=count)
    if (pool is None) == (scores is None) or (column and scores is None):
        raise click.UsageError("Name a POOL, or --scores with its --column.")
    if shards is not None and pool is None:
        raise click.UsageError("--shards takes the pictures of a POOL.")
    terms = Terms(
        state=state or ("confirmed" if scores is None else "all"),
        column=column or "score",
        filters=filters_of(**filters),
        metadata=metadata,
        per=per,
        ray=ray,
    )
    if scores is not None:
        printed = asdict(select_tables(scores, cut=cut, out=out, terms=terms))
    else:
        assert pool is not None, "checked above"
        settings = read_settings(data=data, database=database)
        with opened(settings) as store:
            with bar("shards", unit="shard") as progress:
                done = select_pool(
                    store, settings, pool=pool, cut=cut, out=out, terms=terms, progress=progress
                )
            printed = asdict(done)
            if shards is not None:
                printed["shards"] = written_shards(
                    store, settings, out, shards, shard_pairs, with_scores
                )
    click.echo(json.dumps(printed, indent=1))


@click.command("verify-selection", epilog="Example: dva verify-selection best")
@click.argument("folder", type=FOLDER)
@click.argument("digest", required=False)
@click.option("--scores", type=FOLDER, help="The tables it was cut from. [default: FOLDER/scores]")
@click.option("--metadata", type=FOLDER, help="The tables that were joined, if there were any.")
@click.option("--shards", type=FOLDER, help="New shards that were made of it.")
def verify_selection(
    folder: Path,
    digest: str | None,
    scores: Path | None,
    metadata: Path | None,
    shards: Path | None,
) -> None:
    """Check every claim of a selection's certificate, offline; with the DIGEST that was published,
    that it is that certificate. Prints it, or ends with status 1 at the first difference."""
    digest = digest.strip().lower() if digest else None
    found = verify(folder, scores=scores, metadata=metadata, digest=digest)
    claim = found.certificate
    said = msgspec.to_builtins(claim)
    # A line a table would bury the rest.
    said |= {name: len(said[name]) for name in ("scores", "metadata", "strata")}
    click.echo(json.dumps(said, indent=1))
    again = "cut again from its tables" if found.cut_again else "its tables not at hand"
    click.echo(f"{claim.counts.members:,} members hold, {again}", err=True)
    if shards is not None:
        # Here, because most selections have none.
        from server.selection.verify_shards import verify_shards

        click.echo(f"{verify_shards(folder, shards):,} pairs hold in the shards", err=True)


@click.command(epilog="Example: dva compare best published.npy")
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@click.option("--column-a", default="score", show_default=True, help="A's column of scores.")
@click.option("--column-b", default="score", show_default=True, help="B's.")
def compare(a: Path, b: Path, column_a: str, column_b: str) -> None:
    """How far A and B agree; prints JSON: overlap, Jaccard's index and, where both have scores,
    Spearman's rank correlation. Each is what dva select wrote, a folder of score tables, a Parquet
    file, or a published uid list (.npy)."""
    found = comparing.compare(
        comparing.read_listed(a, column_a), comparing.read_listed(b, column_b)
    )
    click.echo(json.dumps(asdict(found), indent=1))


def _cut(**rules: float | None) -> Cut:
    given: dict[Rule, float] = {
        rule: value for rule in get_args(Rule) if (value := rules[rule]) is not None
    }
    if len(given) != 1:
        raise click.UsageError("Say one of --top, --threshold and --count.")
    ((rule, value),) = given.items()
    return Cut(rule=rule, value=float(value))
