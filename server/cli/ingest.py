"""`dva ingest`."""

from __future__ import annotations

from pathlib import Path

import click
from dva_agent.discovery import AGENTS

from server.cli.licence import accept_option, require_acceptance
from server.cli.opened import bar, opened
from server.cli.options import FOLDER, data_options
from server.config import Settings, read_settings
from server.db import Database
from server.errors import PoolError
from server.pools import bundles
from server.pools.ingest import DEFAULT_AGENT
from server.pools.ingest import ingest as ingest_pool
from server.pools.services import AUDIT, REPLICATION, Policy


@click.command(epilog="Example: dva ingest demo build/demo-pool --bundle static/models/demo-q8")
@click.argument("pool")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
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
@accept_option
@data_options
def ingest(
    pool: str,
    paths: tuple[Path, ...],
    bundle: Path,
    agent: str | None,
    policy: Policy | None,
    accepted: bool,
    data: Path | None,
    database: str | None,
) -> None:
    """Take tars, or folders of tars, into POOL. They stay where they are; what is in already is
    skipped, so the command may be repeated.

    The licence of the bundle is shown and asked for, once: without it, no server of this data
    folder hands the model out."""
    settings = read_settings(data=data, database=database)
    with opened(settings, create=True) as store:
        # The text that is there already is the one that is served.
        manifest = bundles.read(bundle)
        known = bundles.registered(settings.bundles, manifest.bundle)
        folder = settings.bundles / known.bundle if known else bundle
        require_acceptance(settings, folder, known or manifest, accepted=accepted)
        ingest_into(store, settings, pool, list(paths), bundle, agent, policy)


def ingest_into(
    database: Database,
    settings: Settings,
    pool: str,
    paths: list[Path],
    bundle: Path,
    agent: str | None = None,
    policy: Policy | None = None,
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
    if done.refused:
        raise PoolError(
            f"{len(done.refused)} of the shards could not be taken in.",
            code="shards_refused",
            next_step="The lines above say why. The others are in; the command may be repeated.",
        )
