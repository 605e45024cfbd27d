"""`dva credit`: the ledger, for an operator."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from server.cli.opened import opened
from server.cli.options import data_options
from server.config import read_settings
from server.credit import history, services


@click.group("credit", epilog="Example: dva credit balances --data data")
def credit() -> None:
    """What contributors have earned: balances, how they came about, and making them anew."""


@credit.command("balances", epilog="Example: dva credit balances --data data")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@data_options
def balances(as_json: bool, data: Path | None, database: str | None) -> None:
    """Every account with its credits (millions of floating-point operations) and pairs. Together
    they are 0: what contributors have comes from `issuance`."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = services.balances(session)
    if as_json:
        rows = {account: asdict(amount) for account, amount in found.items()}
        click.echo(json.dumps(rows, indent=2))
        return
    for account, amount in found.items():
        click.echo(f"{amount.credits:>20,}  {amount.pairs:>14,} pairs  {account}")


@credit.command("history", epilog="Example: dva credit history --data data")
@click.argument("contributor", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The latest.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, for programs.")
@data_options
def history_(
    contributor: str | None, limit: int, as_json: bool, data: Path | None, database: str | None
) -> None:
    """What was confirmed, forfeited and revoked, of CONTRIBUTOR or of all, newest first."""
    with opened(read_settings(data=data, database=database)) as store, store.read() as session:
        found = history.latest(session, contributor=contributor, limit=limit)
    if as_json:
        rows = [{**asdict(each), "made_at": each.made_at.isoformat()} for each in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for each in found:
        time = each.made_at.isoformat(sep=" ", timespec="seconds")
        click.echo(
            f"{each.number:>8}  {time}  {each.kind:<7}  {each.contributor}  {each.units:>5} units"
            f"  {each.pairs:>9,} pairs  {each.credits:>16,}  {each.reason}"
        )


@credit.command("rebuild", epilog="Example: dva credit rebuild --data data")
@data_options
def rebuild(data: Path | None, database: str | None) -> None:
    """Add the whole ledger up anew, after checking that every transfer gives what it takes. The
    server may go on; nothing changes unless the balances were wrong."""
    with opened(read_settings(data=data, database=database)) as store:
        with store.read() as session:
            before = services.balances(session)
        with store.write() as session:
            accounts = services.rebuild(session)
        with store.read() as session:
            after = services.balances(session)
    wrong = sorted(
        name for name in after.keys() | before.keys() if after.get(name) != before.get(name)
    )
    for name in wrong:
        click.echo(f"{name} was {before.get(name)}, is {after.get(name)}")
    click.echo(f"{accounts} accounts, {len(wrong)} of them changed", err=True)
