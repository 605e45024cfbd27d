"""`dva trust policy`, `aside`, `reopen`: pools whose contributors check each other."""

from __future__ import annotations

from pathlib import Path

import click

from server.cli.noted import note
from server.cli.opened import opened
from server.cli.options import data_options
from server.config import read_settings
from server.pools import services as pools
from server.pools.services import AUDIT, REPLICATION, Policy
from server.trust.replication import operator


@click.command(epilog="Example: dva trust policy demo replication --data data")
@click.argument("pool")
@click.argument("wanted", required=False, type=click.Choice([AUDIT, REPLICATION]), metavar="POLICY")
@data_options
def policy(pool: str, wanted: Policy | None, data: Path | None, database: str | None) -> None:
    """Show how the results of POOL are checked, or change it to POLICY: audit (dva audit computes
    samples anew) or replication (several contributors are given the same unit). It can be changed
    while nothing of the pool is leased or pending."""
    with opened(read_settings(data=data, database=database)) as store:
        if wanted is not None:
            with store.write() as session:
                before = pools.get_pool(session, pool).policy
                operator.change_policy(session, pool, wanted)
                note(session, "policy changed", pool, before=before, after=wanted)
        with store.read() as session:
            click.echo(pools.get_pool(session, pool).policy)


@click.command(epilog="Example: dva trust aside --data data")
@data_options
def aside(data: Path | None, database: str | None) -> None:
    """Units that were left without scores, since their results contradicted each other however many
    were asked for; and the contributors who made the last of these. See reopen."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = operator.aside(session)
    for each in found:
        click.echo(f"{each.pool} {each.unit}  contributors {' '.join(each.contributors)}")
    click.echo(f"{len(found)} units", err=True)


@click.command(epilog="Example: dva trust reopen demo u17-3 --data data")
@click.argument("pool")
@click.argument("unit")
@data_options
def reopen(pool: str, unit: str, data: Path | None, database: str | None) -> None:
    """Give a UNIT that was left without scores out anew, as if nobody had had it."""
    with opened(read_settings(data=data, database=database)) as store, store.write() as session:
        operator.reopen(session, pool, unit)
        note(session, "unit reopened", f"{pool}/{unit}")
    click.echo(f"{unit} is given out anew.")
