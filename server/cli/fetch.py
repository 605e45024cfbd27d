"""`dva fetch`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from server.cli.opened import bar
from server.cli.options import FOLDER
from server.errors import FetchError
from server.fetching.fetch import Fetched, prepare
from server.fetching.fetch import fetch as fetch_pictures
from server.fetching.guarded import Limits
from server.fetching.options import Means, Shape
from server.fetching.outcomes import Outcome
from server.fetching.staging import read_columns

WORST_HOSTS = 10
SAID: dict[Outcome, str] = {
    "fetched": "fetched",
    "dead_link": "dead links",
    "hash_drift": "hash drift: another picture than the metadata's sha256",
    "opted_out": "refused by their sites (noai, noindex)",
    "not_public": "at private addresses",
    "too_large": "too large",
    "too_slow": "too slow",
    "unreadable": "not readable as pictures",
}


@click.command(
    epilog="Example: dva fetch metadata/ --out shards; dva ingest mypool shards --bundle B"
)
@click.argument("metadata", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=FOLDER, help="A new folder for the shards.")
@click.option(
    "--image-size",
    type=click.IntRange(16, 8192),
    default=512,
    show_default=True,
    help="Pictures whose longer side is larger are brought to it.",
)
@click.option(
    "--shard-pairs",
    type=click.IntRange(10, 1_000_000),
    default=10_000,
    show_default=True,
    help="Pairs in a shard, before the dead ones are taken off.",
)
@click.option(
    "--blur-faces/--no-blur-faces",
    default=None,
    help="As DataComp's download does. [default: where the metadata has face_bboxes]",
)
@click.option(
    "--verify-hash/--no-verify-hash",
    default=None,
    help="Leave out what has changed since. [default: where the metadata has sha256]",
)
@click.option(
    "--processes", type=click.IntRange(1, 1024), help="How many. [default: one a processor]"
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=64,
    show_default=True,
    help="Downloads at once, of each process.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 300),
    default=10,
    show_default=True,
    help="Seconds that a site may say nothing.",
)
@click.option(
    "--max-seconds",
    type=click.IntRange(1, 3600),
    default=60,
    show_default=True,
    help="Seconds that a picture may take.",
)
@click.option(
    "--max-megabytes",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="What a picture may weigh.",
)
@click.option("--retries", type=click.IntRange(0, 10), default=2, show_default=True)
@click.option("--allow-private", is_flag=True, help="Pictures on this machine and its network too.")
@click.option("--ray", metavar="ADDRESS", help="On a Ray cluster; `local` starts one here.")
@click.option("--spark", metavar="MASTER", help="On a Spark cluster.")
@click.option(
    "--environment",
    type=FOLDER,
    envvar="DVA_FETCH_ENVIRONMENT",
    show_envvar=True,
    help="A Python environment with img2dataset. [default: one that is made, once]",
)
def fetch(
    metadata: Path,
    out: Path,
    image_size: int,
    shard_pairs: int,
    blur_faces: bool | None,
    verify_hash: bool | None,
    processes: int | None,
    threads: int,
    timeout: int,
    max_seconds: int,
    max_megabytes: int,
    retries: int,
    allow_private: bool,
    ray: str | None,
    spark: str | None,
    environment: Path | None,
) -> None:
    """Download the pictures of METADATA into WebDataset shards that dva ingest takes. METADATA is
    a Parquet file, or a folder of them, in DataComp's or LAION's layout.

    img2dataset does the downloading. Repeat the command to go on where it stopped."""
    if ray and spark:
        raise click.UsageError("Say one of --ray and --spark.")
    columns = read_columns(metadata)
    shape = Shape(
        image_size=image_size,
        shard_pairs=shard_pairs,
        blur_faces=columns.faces is not None if blur_faces is None else blur_faces,
        verify_hash=columns.sha256 is not None if verify_hash is None else verify_hash,
    )
    means = Means(
        processes=processes or os.cpu_count() or 1,
        threads=threads,
        timeout=timeout,
        retries=retries,
        limits=Limits(
            max_bytes=max_megabytes * 1_000_000,
            max_seconds=max_seconds,
            allow_private=allow_private,
        ),
        ray=ray,
        spark=spark,
    )
    with bar("metadata", unit="row", unit_scale=True) as progress:
        staged = prepare(metadata, out, shape, progress)
    with bar("fetch", unit="pair", unit_scale=True) as progress:
        done = fetch_pictures(staged, out, means, place=environment, progress=progress)
    _say(done, out)
    _require_success(done)


def _say(done: Fetched, out: Path) -> None:
    staged, counts = done.staged, done.outcomes.counts
    click.echo(
        f"{out}: {counts['fetched']} of {staged.pairs} pairs fetched, "
        f"in {done.outcomes.shards} shards"
    )
    for outcome, number in counts.items():
        if number and outcome != "fetched":
            click.echo(f"  {number} {SAID[outcome]}")
    if staged.no_url:
        click.echo(f"  {staged.no_url} left out, without a URL")
    if staged.duplicates:
        click.echo(f"  {staged.duplicates} left out, with the uid of another")
    if not done.missing_shards and (lost := staged.pairs - done.outcomes.pairs):
        click.echo(f"  {lost} lost by img2dataset: see {done.log}")
    worst = done.outcomes.worst_hosts(WORST_HOSTS)
    if worst:
        click.echo(f"Hosts that lost most (all of them: {done.hosts}):")
    for host, lost, pairs in worst:
        click.echo(f"  {host or '(no host)'}: {lost} of {pairs}")


def _require_success(done: Fetched) -> None:
    if done.missing_shards:
        raise FetchError(
            f"{done.missing_shards} of {done.staged.shards} shards aren't finished.",
            code="fetch_incomplete",
            next_step=f"Look at the end of {done.log}; repeat the command to go on.",
        )
    if not done.outcomes.counts["fetched"]:
        raise FetchError(
            "Not one picture came.",
            code="fetch_nothing",
            next_step="Check the network, and what is said above. Pictures on this machine or its "
            "network are only fetched with --allow-private.",
        )
