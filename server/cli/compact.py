"""`dva compact`."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import click

from server.cli.opened import bar, opened
from server.cli.options import data_options
from server.compaction import services
from server.compaction.readiness import WORDS, Wait
from server.config import Settings, read_settings
from server.db import Database, now
from server.errors import PoolError
from server.keys import keys_of, secret_key
from server.pools import services as pools
from server.results import compacted


@click.command(epilog="Example: dva compact demo --older-than 7 --data data")
@click.argument("pool", required=False)
@click.option(
    "--older-than",
    type=click.FloatRange(0, 36_500),
    metavar="DAYS",
    help="Since a shard's last result and audit. [default: DVA_COMPACT_AFTER_DAYS, or 7]",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be compacted.")
@click.option(
    "--undo", metavar="SHARD", help="Store this shard's results again, and audit them once more."
)
@data_options
def compact(
    pool: str | None,
    older_than: float | None,
    dry_run: bool,
    undo: str | None,
    data: Path | None,
    database: str | None,
) -> None:
    """Write the results of finished shards, of POOL or of all pools, into a Parquet file each and
    delete their rows. dva audit does so by itself, once they are a week old; this may be broken off
    at any time."""
    settings = read_settings(data=data, database=database)
    if undo is not None:
        if pool is None or dry_run or older_than is not None:
            raise click.UsageError("--undo takes a POOL, and nothing else.")
        _undo(settings, pool, undo)
        return
    days = older_than if older_than is not None else settings.compact_after_days or 7.0
    with opened(settings) as store:
        _compact(settings, store, pool, timedelta(days=days), dry_run=dry_run)


def _compact(
    settings: Settings, store: Database, pool: str | None, age: timedelta, *, dry_run: bool
) -> None:
    waiting: Counter[Wait] = Counter()
    results = audits = size = shards = 0
    with store.read() as session:
        only = None if pool is None else pools.get_pool(session, pool)
        total = compacted.count_finished(session, only)
        before = compacted.database_bytes(session)
    with bar("shards", unit="shard") as progress:
        progress(0, total)
        looked = services.compact_all(
            store, settings, pool=pool, age=age, at=now(), dry_run=dry_run
        )
        for number, each in enumerate(looked, start=1):
            if each.waits is None:
                shards, results = shards + 1, results + each.results
                audits, size = audits + each.audits, size + each.bytes
            else:
                waiting[each.waits] += 1
            if each.fault:
                click.echo(f"{each.shard} can't be compacted: {each.fault}", err=True)
            progress(number, max(total, number))
    for wait, count in waiting.items():
        click.echo(f"{count} finished shards stay for now: {WORDS[wait]}", err=True)
    if dry_run:
        click.echo(f"{shards} shards would be compacted: {results:,} results, {audits:,} audits")
    else:
        with store.read() as session:
            after = compacted.database_bytes(session)
        click.echo(
            f"{shards} shards compacted: {results:,} results with their leases and {audits:,} "
            f"audits are in {size:,} bytes; the database had {before:,} bytes and has {after:,}"
        )
    if waiting["fault"]:
        raise PoolError(
            f"{waiting['fault']} shards can't be compacted here.", code="compaction_failed"
        )


def _undo(settings: Settings, pool: str, shard: str) -> None:
    with opened(settings) as store:
        count = services.bring_back(
            store,
            settings,
            keys_of(secret_key(settings)).audit,
            pool=pool,
            shard=shard,
            at=now(),
        )
    click.echo(f"{count} results of {pool}/{shard} are in the database again")
