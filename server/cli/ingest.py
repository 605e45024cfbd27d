"""`dva ingest`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from dva_agent.discovery import AGENTS

from server.cli.licence import accept_option, require_acceptance
from server.cli.opened import bar, opened
from server.cli.options import FILE, FOLDER, data_options
from server.config import Settings, read_settings
from server.db import Database
from server.errors import PoolError
from server.pools import bundles
from server.pools.filters import Filters, read_filters
from server.pools.findings import KINDS, OTHERS
from server.pools.ingest import DEFAULT_AGENT, Ingested, Serve
from server.pools.ingest import ingest as ingest_pool
from server.pools.services import AUDIT, REPLICATION, Policy
from server.pools.sources import expand, is_url, read_list
from server.reports import takedowns

MOST_SHOWN = 10


@click.command(epilog="Example: dva ingest demo build/demo-pool --bundle static/models/demo-q8")
@click.argument("pool")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--list", "list_", type=FILE, help="A file of further sources, one a line.")
@click.option("--bundle", required=True, type=FOLDER, help="The bundle that scores this pool.")
@click.option(
    "--agent",
    help=f"Who works on this pool: {', '.join(sorted(AGENTS))}. [default: {DEFAULT_AGENT}]",
)
@click.option(
    "--policy",
    type=click.Choice([AUDIT, REPLICATION]),
    help="How results are checked: by dva audit, or by giving units to several contributors.  "
    "[default: audit]",
)
@click.option(
    "--serve",
    type=click.Choice(["server", "bucket"]),
    help="Where contributors get these shards: the copies from this server, or by URLs that it "
    "signs from the s3:// or gs:// bucket.  [default: as it is; what is new from the server]",
)
@click.option(
    "--deny-uids", type=FILE, help="Keep these uids out: a text file, or DataComp's .npy."
)
@click.option("--deny-hashes", type=FILE, help="Keep pictures with these sha256 out: a text file.")
@click.option(
    "--max-nsfw",
    type=click.FloatRange(0, 1),
    help="Keep out what its metadata calls more unsafe than this, 0 to 1.",
)
@accept_option
@data_options
def ingest(
    pool: str,
    sources: tuple[str, ...],
    list_: Path | None,
    bundle: Path,
    agent: str | None,
    policy: Policy | None,
    serve: Serve | None,
    deny_uids: Path | None,
    deny_hashes: Path | None,
    max_nsfw: float | None,
    accepted: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """Take tars, or folders of tars, into POOL: by path, or by s3://, gs:// or https:// URL. What
    lies here stays where it is; what doesn't is copied into the data folder. {00000..00041} in a
    SOURCE stands for a range. What is in already is skipped, so the command may be repeated.

    The licence of the bundle is shown and asked for, once: without it, no server of this data
    folder hands the model out."""
    settings = read_settings(data=data, database=database)
    filters = read_filters(deny_uids, deny_hashes, max_nsfw)
    named = expand([*sources, *(read_list(list_) if list_ else ())])
    urls = [source for source in named if is_url(source)]
    paths = [Path(source) for source in named if not is_url(source)]
    with opened(settings, create=True) as store:
        # The text that is there already is the one that is served.
        manifest = bundles.read(bundle)
        known = bundles.registered(settings.bundles, manifest.bundle)
        folder = settings.bundles / known.bundle if known else bundle
        require_acceptance(settings, folder, known or manifest, accepted=accepted)
        ingest_into(store, settings, pool, paths, bundle, agent, policy, filters, urls, serve)


def ingest_into(
    database: Database,
    settings: Settings,
    pool: str,
    paths: list[Path],
    bundle: Path,
    agent: str | None = None,
    policy: Policy | None = None,
    filters: Filters | None = None,
    urls: Sequence[str] = (),
    serve: Serve | None = None,
) -> None:
    """Ingest, say what came of it, and raise PoolError if anything was refused."""
    with bar("ingest", unit="B", unit_scale=True) as progress:
        done = ingest_pool(
            database,
            settings,
            pool=pool,
            paths=paths,
            bundle=bundle,
            agent=agent,
            policy=policy,
            filters=filters,
            orders=takedowns,
            urls=urls,
            serve=serve,
            progress=progress,
        )
    for path, error in done.refused:
        click.echo(f"{path}: {error} [{error.code}]", err=True)
    click.echo(
        f"{pool}: {done.added} shards added ({done.pairs} pairs in {done.units} units), "
        f"{done.skipped} in already, {len(done.refused)} refused; "
        f"agent {done.agent}, bundle {done.bundle}, policy {done.policy}",
        err=True,
    )
    _tell_findings(done)
    if filters and filters.any and done.skipped:
        click.echo(
            f"The lists were not applied to the {done.skipped} shards that were in already: "
            "dva takedown takes pairs out of those.",
            err=True,
        )
    if done.refused:
        raise PoolError(
            f"{len(done.refused)} of the shards could not be taken in.",
            code="shards_refused",
            next_step="The lines above say why. The others are in; the command may be repeated.",
        )


def _tell_findings(done: Ingested) -> None:
    """What was found wrong with pairs, in all, and where most of it was."""
    for note in done.notes:
        click.echo(note, err=True)
    if not done.findings.kinds:
        return
    click.echo(f"found: {_kinds(done.findings.kinds)}", err=True)
    shards = sorted(done.by_shard.items(), key=lambda item: -item[1].kinds.total())
    hosts: dict[str, Counter[str]] = {}
    for (kind, host), pairs in done.findings.hosts.items():
        if host != OTHERS:
            hosts.setdefault(host, Counter())[kind] += pairs
    worst = sorted(hosts.items(), key=lambda item: (-item[1].total(), item[0]))
    for name, found in shards[:MOST_SHOWN]:
        click.echo(f"  shard {name}: {_kinds(found.kinds)}", err=True)
    for host, kinds in worst[:MOST_SHOWN]:
        click.echo(f"  host {host}: {_kinds(kinds)}", err=True)


def _kinds(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])
